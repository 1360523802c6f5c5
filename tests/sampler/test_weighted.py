"""Draws by weight."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import UniformSampler, WeightedOrder, WeightedSampler
from tests.sampler.statistics import fits

SIZES, SHARES = (3, 0, 5, 2, 4), (1.0, 9.0, 2.5, 0.0, 0.5)


def test_probabilities_are_as_stated():
    """Share over all shares, over positions (10,000 draws); crops without either never come."""
    probabilities = np.repeat([1 / 3, 0, 2.5 / 5, 0, 0.5 / 4], SIZES) / 4
    drawn = list(WeightedSampler(SIZES, SHARES, 10_000, seed=1))
    assert fits(np.bincount(drawn, minlength=14), probabilities)


def test_draws_are_independent():
    """What comes after an index is as likely after any other (10,000 pairs)."""
    drawn = np.array(list(WeightedSampler([2, 2], [1, 3], 20_000, seed=2)))
    crops = drawn // 2
    pairs = np.bincount(crops[::2] * 2 + crops[1::2], minlength=4)
    assert fits(pairs, [1 / 16, 3 / 16, 3 / 16, 9 / 16])


def test_a_draw_is_a_function_of_seed_epoch_and_place():
    """Any places, in any order, give what they give in the whole; seeds and epochs differ."""
    order = WeightedOrder(SIZES, SHARES, 3)
    whole = order.indices(2, np.arange(5000))
    places = np.random.default_rng(0).permutation(5000)[:100]
    again = pickle.loads(pickle.dumps(order))
    assert (again.indices(2, places) == whole[places]).all()
    assert again == order
    for other in (
        order.indices(1, np.arange(5000)),
        WeightedOrder(SIZES, SHARES, 4).indices(2, np.arange(5000)),
    ):
        assert (other == whole).mean() < 0.5


def test_many_positions_cost_nothing():
    """Thousands of millions of positions in a few crops: no list of them, and the last are reached."""
    tracemalloc.start()
    order = WeightedOrder((10**12, 7, 10**15), (1.0, 1.0, 1.0), 5)
    drawn = order.indices(0, np.arange(1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert drawn.max() > 0.9 * 10**15
    small = drawn[(drawn >= 10**12) & (drawn < 10**12 + 7)]
    assert 250 < small.size < 420
    assert set(small - 10**12) == set(range(7))


@pytest.mark.parametrize("shares", [(1, -1), (1, float("nan")), (1, float("inf")), (1,), (0, 0)], ids=str)
def test_shares_that_mean_nothing_are_refused(shares):
    """Negative, infinite, too few, or none above zero."""
    with pytest.raises(ConfigurationError, match="share"):
        WeightedSampler([3, 4], shares)


def test_uniform_with_and_without_replacement():
    """Without, every index once; with, each draw any of them (10,000 draws)."""
    assert sorted(UniformSampler(50, seed=3)) == list(range(50))
    assert fits(np.bincount(list(UniformSampler(50, True, 10_000, seed=3)), minlength=50), np.ones(50))
    few = UniformSampler(10**10, samples_per_epoch=5, seed=3)
    first, second = list(few), list(few)
    assert len({*first, *second}) == 10


@pytest.mark.parametrize("size", [0, -3])
def test_no_positions_are_refused(size):
    """There is nothing to draw from nothing."""
    for replacement in (False, True):
        with pytest.raises(ConfigurationError):
            UniformSampler(size, replacement)
