"""Asking which sample came, and having it again."""

from __future__ import annotations

import pytest
import torch

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.sampler import ClassBalancedSampler, UniformSampler, WeightedSampler
from tests.sampler.test_class_balanced import Crops
from tests.toy import Toy, seeded

SIZE, BATCH = 14, 4

ORDERS = {
    "shuffled": {},
    "sequence": {"is_train": False},
    "uniform": {"sampler": UniformSampler(SIZE, True, seed=4)},
    "weighted": {"sampler": WeightedSampler([4, 10], [1, 1], 17)},
    "balanced": {"sampler": ClassBalancedSampler(Crops([5, 9], [[1, 0], [1, 1]]), 1100)},
    "iterations": {"iterations_per_epoch": 9},
}


class Noisy:
    """A plugin that draws, and fails on some positions."""

    @hookimpl
    def post_sample(self, sample, index, rng):
        if int(sample["idx"]) % 3 == 0:
            raise ValueError("not this one")
        sample["more"] = torch.tensor(rng.random(2))
        return sample


def delivered(loader, epochs=2) -> dict:
    """(epoch, k) -> sample, of one process."""
    found = {}
    for epoch in range(epochs):
        k = 0
        for batch in loader:
            for row in range(len(batch["idx"])):
                found[epoch, k] = {name: value[row].clone() for name, value in batch.items()}
                k += 1
    return found


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("options", ORDERS.values(), ids=ORDERS)
def test_a_sample_is_explained_and_made_again(options):
    """For every order that is arithmetic, any sample of any epoch, long after it was delivered."""
    loader = CellMapDataLoader(Toy(SIZE), batch_size=BATCH, rng=seeded(), **options)
    found = delivered(loader)
    for epoch, k in list(found)[:: 1 + len(found) // 40]:
        told = loader.explain(epoch, k)
        assert told.index == int(found[epoch, k]["idx"])
        assert (told.batch, told.row) == divmod(k, BATCH)
        assert f"sample {k} of epoch {epoch}" in str(told)
        assert same(loader.replay(epoch, k), found[epoch, k])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sampler", [None, UniformSampler(SIZE, seed=4)], ids=["any", "of the batch"])
def test_plugins_and_replacements_are_made_again(workers, sampler):
    """``post_sample`` runs again, with its draws; a sample that came in place of another one comes again."""
    with EnhancedCellMapDataLoader(
        Toy(SIZE), batch_size=BATCH, rng=seeded(), sampler=sampler, num_workers=workers, device="cpu"
    ) as loader:
        loader.add_plugin(Noisy(), name="noisy", on_error="skip_sample")
        with pytest.warns(RuntimeWarning, match="noisy"):
            found = delivered(loader)
        assert all(int(sample["idx"]) % 3 for sample in found.values())
        assert any(int(sample["idx"]) != loader.explain(*at).index for at, sample in found.items())
        assert all(same(loader.replay(*at), sample) for at, sample in found.items())


def test_ranks_are_told():
    """``k`` counts over all ranks, whichever is asked."""
    ranks = [
        CellMapDataLoader(Toy(SIZE), batch_size=3, rng=seeded(), rank=rank, world_size=2) for rank in range(2)
    ]
    found = [[batch["idx"].tolist() for batch in loader] for loader in ranks]
    for k in range(SIZE):
        told, other = (loader.explain(0, k) for loader in ranks)
        assert told == other
        assert found[told.rank][told.batch][told.row] == told.index
        assert int(ranks[1].replay(0, k)["idx"]) == told.index


@pytest.mark.parametrize(
    ("options", "k", "words"),
    [({}, SIZE, "no such sample"), ({}, -1, "no such sample"), ({"sampler": [1, 2]}, 0, "must be iterated")],
    ids=["beyond", "negative", "foreign"],
)
def test_what_cannot_be_told_is_an_error(options, k, words):
    """A sample that is none, and a sampler that is known only by iterating."""
    loader = CellMapDataLoader(Toy(SIZE), batch_size=BATCH, **options)
    for ask in (loader.explain, loader.replay):
        with pytest.raises(ConfigurationError, match=words):
            ask(0, k)
        with pytest.raises(ConfigurationError, match="epoch is a whole number"):
            CellMapDataLoader(Toy(SIZE)).explain(-1, 0)
