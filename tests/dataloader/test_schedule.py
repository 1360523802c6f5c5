"""Schedules: the batches of an epoch, for one rank or many."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.dataloader.sampled import SamplerSchedule
from cellmap_data.dataloader.schedule import ArithmeticShare
from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import Point, ShuffledOrder

sizes = st.integers(1, 80)


def places(schedule, epoch=0):
    return [[index.draw.k for index in batch] for batch in schedule.batches(7, Point(epoch))]


@given(total=sizes, batch_size=st.integers(1, 9), world=st.integers(1, 5), drop_last=st.booleans())
def test_ranks_share_an_epoch_evenly(total, batch_size, world, drop_last):
    """Ranks have equally many batches of equal sizes; together they are the epoch, wrapped or cut."""
    ranks = [
        ArithmeticShare(lambda seed: ShuffledOrder(total, seed), total, batch_size, drop_last, rank, world)
        for rank in range(world)
    ]
    per_rank = [places(schedule) for schedule in ranks]
    assert {len(schedule) for schedule in ranks} == {len(batches) for batches in per_rank}
    shapes = {tuple(map(len, batches)) for batches in per_rank}
    assert len(shapes) == 1
    if drop_last:
        assert set(itertools.chain(*shapes)) <= {batch_size}
    together = [k for batches in per_rank for batch in batches for k in batch]
    count = len(together)
    assert sorted(together) == list(range(count))
    assert count <= total if drop_last else total <= count < total + world


@given(total=sizes, batch_size=st.integers(1, 9), world=st.integers(1, 4))
def test_ranks_see_what_one_process_would_see(total, batch_size, world):
    """Sample k of an epoch has the same index whatever the number of ranks."""
    alone = ArithmeticShare(lambda seed: ShuffledOrder(total, seed), total, batch_size)
    index_at = {i.draw.k: int(i) for batch in alone.batches(7, Point(3)) for i in batch}
    for rank in range(world):
        share = ArithmeticShare(
            lambda seed: ShuffledOrder(total, seed), total, batch_size, False, rank, world
        )
        for batch in share.batches(7, Point(3)):
            assert all(index_at[index.draw.k % total] == index for index in batch)


def test_a_schedule_costs_nothing_to_make_or_begin():
    """Ten thousand million positions: length and first batches without a list of them."""
    schedule = ArithmeticShare(lambda seed: ShuffledOrder(10**10, seed), 10**10, 4)
    assert len(schedule) == 10**10 // 4
    first = list(itertools.islice(schedule.batches(7, Point(0)), 3))
    assert [len(batch) for batch in first] == [4, 4, 4]


def test_a_sampler_is_repeated_to_fill_an_epoch():
    """With a number of batches, a shorter sampler starts again; one that yields nothing is an error."""
    assert [list(b) for b in SamplerSchedule([1, 2, 3], 2, count=3).batches(0, Point(0))] == [
        [1, 2],
        [3, 1],
        [2, 3],
    ]
    with pytest.raises(ConfigurationError, match="yields nothing"):
        list(SamplerSchedule([], 2, count=3).batches(0, Point(0)))


def test_a_sampler_without_length_has_no_length():
    """The length of a loader over a generator is a TypeError, as for torch."""
    with pytest.raises(TypeError, match="no length"):
        len(SamplerSchedule(iter([1, 2])))


def test_draws_count_the_samples_of_an_epoch():
    """A sampler that repeats an index gives it another draw each time."""
    batches = list(SamplerSchedule([5, 5, 5], 2).batches(9, Point(4)))
    assert [index.draw for batch in batches for index in batch] == [(9, 4, k, 0) for k in range(3)]
