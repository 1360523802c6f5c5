"""Random numbers of many places at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.sampler.chance import below, fractions, keys_of, words_at

words = st.integers(0, 2**64 - 1)


@given(word=words, bound=st.integers(1, 2**62))
def test_a_bounded_number_is_the_upper_half_of_a_product(word, bound):
    """As Python's integers have it, for any bound."""
    assert below(np.array([word], np.uint64), bound).tolist() == [(word * bound) >> 64]


@given(word=words)
def test_fractions_lie_below_one(word):
    """The top 53 bits of a word."""
    (x,) = fractions(np.array([word], np.uint64)).tolist()
    assert x == (word >> 11) / 2**53
    assert 0 <= x < 1


@given(start=st.integers(0, 2**60), seed=st.integers(-(2**70), 2**70), epoch=st.integers(0, 10**6))
def test_a_part_of_a_sequence_is_what_it_is_within_the_whole(start, seed, epoch):
    """A place has its number whichever others are asked for with it; another place has another."""
    (key,) = keys_of(1, seed, epoch)
    whole = words_at(key, np.arange(start, start + 50))
    assert words_at(key, np.array([start + 7])).tolist() == [whole[7]]
    assert len(set(whole.tolist())) == 50


def test_numbers_are_evenly_spread():
    """Chi-square over 100 cells of 100,000 seeded numbers, of one sequence and of the first of many."""
    one = words_at(keys_of(1, 5, 0)[0], np.arange(100_000))
    many = np.concatenate([words_at(key, np.arange(10)) for key in keys_of(10_000, 5, 1)])
    for sequence in (one, many):
        counts = np.bincount(below(sequence, 100), minlength=100)
        assert 60 < ((counts - 1000) ** 2 / 1000).sum() < 150
