"""Draws that hit a class, from blocks."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import ForegroundSampler, Sightings
from tests.sampler.statistics import fits

COUNTS = [(2, 3, 4), (0, 5, 5), (1, 1, 10)]  # positions per axis: 24, none, 10


def sightings(*blocks) -> Sightings:
    """Of each block its voxels, the first position along each axis and how many follow."""
    counts, first, number = (np.array(column, np.int64) for column in zip(*blocks, strict=True))
    return Sightings(counts, first, number)


class Dataset:
    """Three crops: "nuc" in both that have positions, "mito" in the last, "er" nowhere."""

    classes = ["nuc", "mito", "er"]  # noqa: RUF012

    def __init__(self) -> None:
        self.nuc = sightings((3, (0, 1, 2), (2, 1, 2)), (1, (1, 0, 0), (1, 3, 4)))
        self.more = sightings((4, (0, 0, 8), (1, 1, 2)))
        self.mito = sightings((5, (0, 0, 0), (1, 1, 1)))

    def __len__(self) -> int:
        return 34

    def foreground(self, block: int):
        assert block == 32
        found = [{"nuc": self.nuc}, {"nuc": self.nuc}, {"nuc": self.more, "mito": self.mito}]
        found[1] = {}
        return list(zip(COUNTS, found, strict=True))


def stated(share: float, chances: dict[str, float], by: str) -> np.ndarray:
    """The probability of each index, counted position by position."""
    dataset, total = Dataset(), np.full(34, (1 - share) / 34)
    of = {"nuc": [(0, dataset.nuc, 0), (2, dataset.more, 24)], "mito": [(2, dataset.mito, 24)]}
    for name, chance in chances.items():
        blocks = [
            (count if by == "voxels" else 1, crop, start, first, number)
            for crop, one, start in of[name]
            for count, first, number in zip(one.counts, one.first, one.number, strict=True)
        ]
        every = sum(weight for weight, *_ in blocks)
        for weight, crop, start, first, number in blocks:
            shows = np.zeros(COUNTS[crop])
            shows[tuple(slice(a, a + n) for a, n in zip(first, number, strict=True))] = 1
            total[start : start + shows.size] += share * chance * weight / every * shows.ravel() / shows.sum()
    return total


@pytest.mark.parametrize("by", ["voxels", "blocks"])
@pytest.mark.parametrize(
    ("classes", "chances"),
    [(None, {"nuc": 0.5, "mito": 0.5}), ({"nuc": 3, "mito": 1}, {"nuc": 0.75, "mito": 0.25})],
    ids=["equally often", "in proportion"],
)
@pytest.mark.parametrize("share", [0.7, 1.0, 0.0])
def test_probabilities_are_as_stated(share, classes, chances, by) -> None:
    """Share, class, block, position: 10,000 draws against the product of their probabilities."""
    sampler = ForegroundSampler(Dataset(), 10_000, 3, share=share, classes=classes, by=by)
    assert sampler.probabilities == chances
    assert fits(np.bincount(list(sampler), minlength=34), stated(share, chances, by))


def test_draws_are_independent() -> None:
    """Whether a draw is one of the last crop says nothing of the next (10,000 pairs)."""
    drawn = np.array(list(ForegroundSampler(Dataset(), 20_000, 4))) >= 24
    p = stated(0.7, {"nuc": 0.5, "mito": 0.5}, "voxels")[24:].sum()
    pairs = np.bincount(drawn[::2] * 2 + drawn[1::2], minlength=4)
    assert fits(pairs, np.outer([1 - p, p], [1 - p, p]).ravel())


def test_a_draw_is_a_function_of_seed_epoch_and_place() -> None:
    """Any places, in any order, give what they give in the whole; seeds and epochs differ."""
    sampler, every = ForegroundSampler(Dataset()), np.arange(5000)
    whole = sampler.order(3).indices(2, every)
    places = np.random.default_rng(0).permutation(5000)[:100]
    again = pickle.loads(pickle.dumps(sampler.order(3)))
    assert (again.indices(2, places) == whole[places]).all()
    for other in (sampler.order(3).indices(1, every), sampler.order(4).indices(2, every)):
        assert (other == whole).mean() < 0.5


def test_ranks_share_an_epoch() -> None:
    """Three ranks draw, taking turns, what one draws alone; their seeds need no care."""
    alone = list(ForegroundSampler(Dataset(), 999, 5))
    ranks = [list(ForegroundSampler(Dataset(), 999, 5, rank=r, world_size=3)) for r in range(3)]
    assert [ranks[k % 3][k // 3] for k in range(999)] == alone


def test_a_draw_costs_neither_positions_nor_blocks() -> None:
    """10^15 positions and 10^5 blocks: nothing is held that grows with positions, and little for a block."""

    class Huge(Dataset):
        classes = ["nuc"]  # noqa: RUF012

        def __len__(self) -> int:
            return 10**15

        def foreground(self, block: int):
            n = 10**5
            first = np.random.default_rng(0).integers(0, 10**5 - 64, (n, 3))
            return [((10**5,) * 3, {"nuc": Sightings(np.ones(n, np.int64), first, np.full((n, 3), 64))})]

    sampler = ForegroundSampler(Huge(), 100, 1)
    order = sampler.order(1)
    tracemalloc.start()
    drawn = order.indices(0, np.arange(1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000
    assert drawn.max() > 0.9 * 10**15


@pytest.mark.parametrize(
    "options",
    [
        {"share": 1.1},
        {"share": -0.1},
        {"share": float("nan")},
        {"by": "chance"},
        {"block": 0},
        {"classes": {"er": 1}},
        {"classes": {"golgi": 1, "nuc": 1}},
        {"classes": {"nuc": -1}},
        {"classes": {"nuc": float("nan")}},
        {"classes": {"nuc": 0}},
        {"classes": {}},
    ],
    ids=str,
)
def test_what_means_nothing_is_refused(options) -> None:
    """Shares that are none, classes that show nowhere or that nobody knows, and no class at all."""
    with pytest.raises(ConfigurationError):
        ForegroundSampler(Dataset(), **options)


def test_classes_without_weights_are_drawn_equally_often() -> None:
    """By their names alone, one or several."""
    assert ForegroundSampler(Dataset(), classes=["nuc", "mito"]).probabilities == {"nuc": 0.5, "mito": 0.5}
    assert ForegroundSampler(Dataset(), classes="mito").probabilities == {"mito": 1.0}


def test_a_class_that_is_not_wanted_may_show_nowhere() -> None:
    """A weight of 0 leaves a class out, whether it shows or not."""
    sampler = ForegroundSampler(Dataset(), classes={"er": 0, "mito": 2})
    assert sampler.probabilities == {"mito": 1.0}
