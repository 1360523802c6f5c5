"""The samplers that datasets make of themselves."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Protocol

import torch

from cellmap_data.config import counted
from cellmap_data.dataset.counts import crop_weights
from cellmap_data.dataset.windows import cut, locality
from cellmap_data.sampler import (
    MutableSubsetRandomSampler,
    ShuffledOrder,
    SubsetDraw,
    WeightedOrder,
    WeightedSampler,
    WindowedSampler,
    Windows,
    common_seed,
)


class Joined(Sized, Protocol):
    """A dataset, as far as its samplers go.

    Attributes
    ----------
    subsets : int
        How many samplers of random subsets it has made without being given a seed: each gets other subsets.
    """

    subsets: int

    @property
    def seed(self) -> int | None:
        """Of what is drawn; None for torch's."""

    @property
    def classes(self) -> list[str]:
        """The channels of every target."""

    @property
    def crops(self) -> Sequence[Any]:
        """The crops that it takes positions of."""

    @property
    def crop_sizes(self) -> Sequence[int]:
        """How many of each; one crop after the other they are the positions of the dataset."""


class CropSamplers:
    """The samplers that a dataset of one crop makes as one of many does."""

    subsets = 0

    def get_windowed_sampler(
        self: Joined,
        patches_per_window: int,
        window: Sequence[int] | int | None = None,
        windows_at_once: int = 4,
        rng: torch.Generator | None = None,
    ) -> WindowedSampler:
        """Every position once, several of one window of a volume before moving on: chunks are decoded once.

        Parameters
        ----------
        patches_per_window : int
            Positions of a window that come before the order moves on.
        window : int or sequence of int, optional
            Voxels of the finest input along z, y, x that the patches of a window lie in; it ends with a
            chunk. None for about twice a patch.
        windows_at_once : int
            Windows that take turns, so that a batch is mixed of as many.
        rng : torch.Generator, optional
            Its initial seed is that of the order. None for the loader's.

        Raises
        ------
        ConfigurationError
            If a window does not hold a patch, or a number counts nothing.
        """
        len(self)  # first of all: it reads the metadata of many crops at a time
        layouts = [crop.layout for crop in self.crops]
        found = [cut(layout, window) for layout in layouts]
        largest = max(range(len(layouts)), key=lambda number: layouts[number].grid.size)
        return WindowedSampler(
            Windows.of(cuts for cuts, _ in found),
            patches_per_window,
            windows_at_once,
            seed=None if rng is None else rng.initial_seed(),
            locality=locality(layouts[largest], patches_per_window, windows_at_once, *found[largest]),
        )

    def get_subset_random_sampler(
        self: Joined, num_samples: int, weighted: bool = True, rng: torch.Generator | None = None
    ) -> MutableSubsetRandomSampler:
        """The positions of a random subset, in random order; ``refresh()`` draws another subset.

        Parameters
        ----------
        num_samples : int
            Positions of the subset. Without weights more than there are come several times.
        weighted : bool
            Draw the subset as ``get_weighted_sampler`` does, with replacement; otherwise, and from a single
            crop, every position is as likely as any other, and none comes again before all have come.
        rng : torch.Generator, optional
            Its initial seed is that of subset and order. None for the seed of the dataset, and another subset
            at each call.
        """
        return subset_sampler(self, num_samples, weighted, rng)


def weighted_sampler(
    dataset: Joined,
    rng: torch.Generator | None,
    parts: Sequence[Sized] = (),
    weights: Sequence[float] | None = None,
    samples_per_epoch: int | None = None,
) -> WeightedSampler:
    """A sampler of the ``parts`` by their weights, or of the crops by their classes if none are given."""
    count = len(dataset)  # first of all: it reads the metadata of many crops at a time
    if weights is None:
        sizes, shares = _by_class(dataset)
    else:
        sizes, shares = [len(part) for part in parts], list(weights)
    seed = None if rng is None else rng.initial_seed()
    return WeightedSampler(sizes, shares, count if samples_per_epoch is None else samples_per_epoch, seed)


def subset_sampler(
    dataset: Joined, num_samples: int, weighted: bool, rng: torch.Generator | None
) -> MutableSubsetRandomSampler:
    """A sampler of ``num_samples`` positions that are drawn now, and anew when it is refreshed.

    Programs make such samplers again and again to train on something else: without ``rng`` the n-th begins
    with the n-th subset.
    """
    count, first, num_samples = len(dataset), 0, counted("num_samples", num_samples, 1)
    if rng is None:
        first, dataset.subsets = dataset.subsets, dataset.subsets + 1
    seed = dataset.seed if rng is None else rng.initial_seed()
    seed = common_seed() if seed is None else seed
    if weighted and len(dataset.crops) > 1:
        sizes, shares = _by_class(dataset)
        return MutableSubsetRandomSampler(
            SubsetDraw(WeightedOrder(tuple(sizes), tuple(shares), seed), num_samples, first), rng
        )
    return MutableSubsetRandomSampler(SubsetDraw(ShuffledOrder(count, seed), num_samples, first), rng)


def _by_class(dataset: Joined) -> tuple[Sequence[int], list[float]]:
    """The sizes of the crops, and how often each should be drawn: its weight for each of its positions."""
    sizes = dataset.crop_sizes
    weights = crop_weights(dataset.classes, dataset.crops)
    return sizes, [size * weight for size, weight in zip(sizes, weights, strict=True)]
