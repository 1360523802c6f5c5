"""Positions window by window: an order like any other, that stays in one part of a volume for a while."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import Cut, WindowedOrder, WindowedSampler, Windows

axes = st.builds(
    lambda count, length, first: Cut(count, length, min(first, length)),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 5),
)
crops = st.lists(st.tuples(axes, axes, axes), min_size=1, max_size=4)
orders = st.builds(
    WindowedOrder, st.builds(Windows.of, crops), st.integers(1, 7), st.integers(1, 5), st.integers(0, 2**64)
)


@given(order=orders, epoch=st.integers(0, 1000))
def test_every_index_once_for_each_pass(order, epoch):
    """An epoch visits every position of every crop exactly once, and again in the next pass."""
    indices = order.indices(epoch, np.arange(2 * order.size))
    assert sorted(indices[: order.size]) == sorted(indices[order.size :]) == list(range(order.size))


@given(order=orders, data=st.data())
def test_any_part_can_be_asked_for(order, data):
    """A part of the order, in any sequence, is what it is within the whole."""
    whole = order.indices(3, np.arange(2 * order.size))
    places = data.draw(st.lists(st.integers(0, 2 * order.size - 1), min_size=1, max_size=20))
    assert order.indices(3, np.array(places)).tolist() == whole[places].tolist()


@given(order=orders, world=st.integers(1, 4))
def test_ranks_share_an_epoch(order, world):
    """The places rank, rank + world, ... of all ranks are the epoch, none of them twice."""
    parts = [order.indices(0, np.arange(rank, order.size, world)) for rank in range(world)]
    assert sorted(np.concatenate(parts)) == list(range(order.size))


def cube(count, length, first=None):
    return (Cut(count, length, first or length),) * 3


def windows_of(indices, count, length, first):
    """The window each position lies in, from its coordinates."""
    where = np.stack(np.unravel_index(indices, (count,) * 3))
    return [tuple(column) for column in ((where + length - first) // length).T.tolist()]


def test_a_window_is_left_after_as_many_as_asked_for():
    """Five patches of each of three windows in turn, then of three others."""
    order = WindowedOrder(Windows.of([cube(36, 12)]), patches=5, at_once=3, seed=1)
    found = windows_of(order.indices(0, np.arange(30)), 36, 12, 12)
    for block in (found[:15], found[15:]):
        assert len(set(block)) == 3
        assert block == block[:3] * 5
    assert set(found[:15]) != set(found[15:])


def test_windows_begin_where_they_are_told_to():
    """So that they end where chunks do: the first may be shorter."""
    order = WindowedOrder(Windows.of([cube(20, 8, 3)]), patches=4, at_once=1, seed=1)
    indices = order.indices(0, np.arange(order.size))
    inner = windows_of(indices, 20, 8, 3)
    assert len(set(inner)) == 4**3
    together = sum(len(set(inner[k : k + 4])) == 1 for k in range(0, len(inner) // 4 * 4, 4))
    assert together > 0.9 * len(inner) / 4


def test_visits_of_one_window_share_no_position():
    """However often an epoch comes back to it."""
    order = WindowedOrder(Windows.of([cube(6, 6)]), patches=4, at_once=1, seed=5)
    assert len(set(order.indices(2, np.arange(216)).tolist())) == 216


def test_epochs_and_seeds_differ():
    """Another epoch, another seed: other windows, and other positions in them."""
    cut = Windows.of([cube(40, 10)])
    places = np.arange(1000)
    found = [
        WindowedOrder(cut, 4, 4, seed).indices(epoch, places) for seed, epoch in [(1, 0), (1, 1), (2, 0)]
    ]
    for i in range(3):
        for j in range(i):
            assert (found[i] == found[j]).mean() < 0.02


def test_each_position_is_as_likely_as_any_other():
    """At the first, a middle and a late place of an epoch (chi-square over seeded epochs)."""
    order = WindowedOrder(Windows.of([cube(3, 2), cube(2, 2), cube(1, 1)]), patches=3, at_once=2, seed=7)
    epochs = 4000
    counts = np.zeros((3, order.size))
    for epoch in range(epochs):
        counts[np.arange(3), order.indices(epoch, np.array([0, 16, 29]))] += 1
    expected = epochs / order.size
    chi_square = ((counts - expected) ** 2 / expected).sum(axis=1)
    assert chi_square.max() < 70  # 35 degrees of freedom; p = 0.0004


def test_any_number_of_positions_costs_the_same():
    """A part of an epoch of 10^12 positions, with nothing listed."""
    order = WindowedOrder(Windows.of([cube(10**4, 128, 64)]), patches=8, at_once=4, seed=1)
    places = np.arange(10**11, 10**11 + 64)
    indices = order.indices(0, places)
    assert len(set(indices.tolist())) == 64
    assert len(set(windows_of(indices, 10**4, 128, 64))) <= 8
    assert len(pickle.dumps(order)) < 20_000


def test_a_sampler_yields_the_order():
    """For any DataLoader, with the length of what it was asked for."""
    cut = Windows.of([cube(4, 2)])
    sampler = WindowedSampler(cut, patches=2, at_once=2, seed=3)
    assert len(sampler) == 64
    assert list(sampler) == WindowedOrder(cut, 2, 2, 3).indices(0, np.arange(64)).tolist()
    assert len(WindowedSampler(cut, patches=2, samples_per_epoch=10)) == 10


@pytest.mark.parametrize(
    ("cut", "patches", "at_once"),
    [([], 1, 1), ([cube(4, 2)], 0, 1), ([cube(4, 2)], 1, 0), ([cube(4, 2)], 1.5, 1)],
    ids=["nothing", "no patch", "no window", "part of a patch"],
)
def test_what_counts_nothing_is_refused(cut, patches, at_once):
    """With the numbers that were given."""
    with pytest.raises(ConfigurationError, match=f"patches={patches}, at_once={at_once}"):
        WindowedOrder(Windows.of(cut), patches, at_once, 0)
