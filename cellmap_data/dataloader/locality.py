"""Patches window by window, and what that does, told to whoever asked for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellmap_data import storage
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import RankOptions, WindowedSampler


@dataclass(frozen=True, slots=True)
class WindowWish:
    """What a user said about windows.

    Attributes
    ----------
    patches, window, at_once
        As for the dataset's ``get_windowed_sampler``.
    num_workers
        How many processes read, each with a cache of its own; 0 for one.
    """

    patches: int
    window: Sequence[int] | int | None
    at_once: int
    num_workers: int

    def sampler(self, dataset: Any) -> WindowedSampler:
        """The dataset's own sampler by windows.

        Raises
        ------
        ConfigurationError
            When the dataset has none.
        """
        if not hasattr(dataset, "get_windowed_sampler"):
            raise ConfigurationError(
                message(
                    "the dataset does not say where its positions lie",
                    place="patches_per_window",
                    expected="a dataset with get_windowed_sampler(patches, window, at_once)",
                    got=type(dataset).__name__,
                )
            )
        sampler: WindowedSampler = dataset.get_windowed_sampler(self.patches, self.window, self.at_once)
        return sampler

    def announce(self, sampler: WindowedSampler, batch_size: int, ranks: RankOptions) -> None:
        """Say on standard error, on the first rank, what is saved, what that takes, how mixed a batch is."""
        rank, world = ranks.now()
        if sampler.locality is not None and rank == 0:
            words = sampler.locality.words(batch_size, self.num_workers, world, storage.cache_budget())
            print(f"cellmap-data: {words}", file=sys.stderr)
