"""Subsets that can be chosen anew."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import MutableSubsetRandomSampler, ShuffledOrder, SubsetDraw
from tests.toy import Toy, seeded

CHOSEN = [3, 1, 4, 1, 5]


@pytest.mark.parametrize(
    "kind",
    [list, tuple, np.array, torch.tensor, lambda _: range(2, 7)],
    ids=["list", "tuple", "array", "tensor", "lazy"],
)
def test_it_yields_the_subset_in_random_order(kind):
    """Each index once, whatever holds them; epochs differ."""
    sampler = MutableSubsetRandomSampler(lambda: kind(CHOSEN), seeded())
    epochs = [list(sampler) for _ in range(4)]
    assert all(sorted(epoch) == sorted(kind(CHOSEN)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1
    assert len(sampler) == 5


def test_refresh_chooses_anew():
    """The generator is called once at the start and once for each refresh; its length may change."""
    calls = itertools.count(1)
    sampler = MutableSubsetRandomSampler(lambda: range(next(calls)))
    loader = CellMapDataLoader(Toy(), sampler=sampler)
    for size in (1, 2, 3):
        assert sorted(int(batch["idx"]) for batch in loader) == list(range(size))
        assert len(loader) == size
        sampler.refresh()


def test_a_drawn_subset_is_never_listed():
    """Of ten thousand million positions, a thousand million: made, refreshed and begun at no cost."""
    sampler = MutableSubsetRandomSampler(SubsetDraw(ShuffledOrder(10**10, 5), 10**9), seeded())
    first = list(itertools.islice(sampler, 5))
    assert [sampler.indices[i] for i in (0, 7)] == [sampler.indices[:8][0], sampler.indices[-(10**9) + 7]]
    assert len(sampler) == 10**9
    before = sampler.indices[0]
    sampler.refresh()
    assert sampler.indices[0] != before
    assert len({*first, *itertools.islice(sampler, 5)}) == 10


def test_a_drawn_subset_is_what_is_sampled():
    """All of it, once in an epoch; another after a refresh."""
    sampler = MutableSubsetRandomSampler(SubsetDraw(ShuffledOrder(1000, 5), 30), seeded())
    subset = list(sampler.indices)
    assert sorted(sampler) == sorted(sampler) == sorted(subset)
    sampler.refresh()
    assert not set(subset) >= set(sampler)


def test_an_empty_subset_is_refused():
    """There is nothing to sample."""
    with pytest.raises(ConfigurationError):
        MutableSubsetRandomSampler(list)
