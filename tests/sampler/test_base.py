"""The face that our samplers show to torch."""

from __future__ import annotations

import pickle

import pytest
from torch.utils.data import DataLoader, DistributedSampler

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import Order, OrderSampler, ShuffledOrder
from tests.toy import Toy, seeded


class Shuffled(OrderSampler):
    """Every index of a dataset of 20 in random order."""

    def order(self, seed: int) -> Order:
        return ShuffledOrder(20, seed)


def indices(loader) -> list[int]:
    """What a loader delivers."""
    return [int(i) for batch in loader for i in batch["idx"]]


def test_it_iterates_alone():
    """A foreign DataLoader gets every index once, in another order in each epoch, the same for one seed."""
    sampler = Shuffled(20, 5)
    epochs = [indices(DataLoader(Toy(), 3, sampler=sampler)) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(20))
    assert epochs[0] != epochs[1]
    again = pickle.loads(pickle.dumps(sampler))
    again.set_epoch(0)
    assert [list(again), list(again)] == epochs


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_that_are_given_share_an_epoch(world):
    """Alone and driven by our loader alike, rank r takes the places r, r + world, ..., the last wrapping."""
    whole = list(Shuffled(20, 5))
    for rank in range(world):
        alone = Shuffled(20, 5, rank=rank, world_size=world)
        expected = [whole[k % 20] for k in range(rank, -(-20 // world) * world, world)]
        assert len(alone) == len(expected)
        assert list(alone) == expected
        loader = CellMapDataLoader(Toy(), batch_size=3, sampler=alone)
        assert indices(loader) == expected
        assert len(loader) == -(-len(expected) // 3)


def test_without_a_seed_it_takes_the_loaders():
    """The order is the loader's own shuffle when both have its seed."""
    driven = indices(CellMapDataLoader(Toy(), sampler=Shuffled(20), rng=seeded(3)))
    assert driven == indices(CellMapDataLoader(Toy(), rng=seeded(3)))
    assert driven != indices(CellMapDataLoader(Toy(), sampler=Shuffled(20, 4), rng=seeded(3)))


def test_iterations_count_batches():
    """Fewer or more batches than an epoch of the sampler has."""
    for count in (2, 9):
        loader = CellMapDataLoader(Toy(), batch_size=3, sampler=Shuffled(20), iterations_per_epoch=count)
        assert len(loader) == len(list(loader)) == count


def test_frameworks_are_told_that_it_splits():
    """Lightning leaves a DistributedSampler where it is."""
    assert isinstance(Shuffled(20), DistributedSampler)


@pytest.mark.parametrize(
    "options",
    [{"rank": 0}, {"world_size": 2}, {"rank": 2, "world_size": 2}, {"rank": -1, "world_size": 2}],
    ids=str,
)
def test_half_a_rank_is_refused(options):
    """A rank needs a world, and lies within it."""
    with pytest.raises(ConfigurationError, match="rank"):
        Shuffled(20, **options)


def test_an_epoch_of_nothing_is_refused():
    """There is no sampler without samples."""
    for count in (0, 4.5):
        with pytest.raises(ConfigurationError, match="samples_per_epoch"):
            Shuffled(count)


@pytest.mark.parametrize("epoch", [-1, 1.5, "1", None], ids=repr)
def test_what_is_no_epoch_is_refused(epoch):
    """Before it would end in other samples; the sampler stays where it was."""
    sampler = Shuffled(20, seed=1)
    with pytest.raises(ConfigurationError, match="epoch is a whole number"):
        sampler.set_epoch(epoch)
    assert sampler.epoch == 0
    assert repr(sampler) == "Shuffled(20 samples an epoch, seed=1)"
