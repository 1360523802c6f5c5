"""Orders: arithmetic instead of lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.sampler import SequentialOrder, ShuffledOrder


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**64), epoch=st.integers(0, 1000))
def test_every_index_once_for_each_pass(size, seed, epoch):
    """A shuffled epoch visits every index exactly once, and again in the next pass."""
    indices = ShuffledOrder(size, seed).indices(epoch, np.arange(2 * size))
    assert sorted(indices[:size]) == sorted(indices[size:]) == list(range(size))


@given(start=st.integers(0, 10**12 - 100), size=st.just(10**12), seed=st.integers(0, 2**32))
def test_any_part_can_be_asked_for(start, size, seed):
    """A part of the order is what it is within the whole, however large the whole is."""
    order = ShuffledOrder(size, seed)
    whole = order.indices(0, np.arange(start, start + 100))
    assert len(set(whole.tolist())) == 100
    assert ((whole >= 0) & (whole < size)).all()
    assert order.indices(0, np.arange(start + 40, start + 50)).tolist() == whole[40:50].tolist()


def test_epochs_and_seeds_differ():
    """Another epoch, another seed, another order."""
    places = np.arange(1000)
    orders = [ShuffledOrder(1000, seed).indices(epoch, places) for seed, epoch in [(1, 0), (1, 1), (2, 0)]]
    for i in range(3):
        for j in range(i):
            assert (orders[i] == orders[j]).mean() < 0.02


def test_the_shuffle_is_uniform():
    """Each index is as likely as any other at a place (chi-square, 30 values, 3,000 seeded draws)."""
    counts = np.zeros((30, 30))
    for epoch in range(3000):
        counts[np.arange(30), ShuffledOrder(30, 11).indices(epoch, np.arange(30))] += 1
    chi_square = ((counts - 100) ** 2 / 100).sum(axis=1)
    assert chi_square.mean() == pytest.approx(29, rel=0.15)
    assert chi_square.max() < 70


def test_sequential_wraps():
    """In sequence means from the start, and from the start again."""
    assert SequentialOrder(3).indices(5, np.arange(7)).tolist() == [0, 1, 2, 0, 1, 2, 0]
