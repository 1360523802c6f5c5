"""Which schedule a loader follows, of what its user asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Sampler

from cellmap_data.config import named
from cellmap_data.dataloader.locality import WindowWish
from cellmap_data.dataloader.sampled import SamplerSchedule
from cellmap_data.dataloader.schedule import EveryPosition, OrderSchedule, Schedule
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import ASK_TORCH, OrderSampler, RankOptions

SamplerLike = Sampler[Any] | Iterable[int] | Callable[[], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user said about the order of samples; None where nothing was said.

    Attributes
    ----------
    shuffle
        None for what training wants.
    count
        Batches of an epoch.
    ranks
        Which share to take.
    windows
        Whether to take several patches of a window at a time.
    """

    sampler: SamplerLike | None
    batch_sampler: Iterable[list[int]] | None
    weighted: bool
    shuffle: bool | None
    batch_size: int
    drop_last: bool
    count: int | None
    ranks: RankOptions
    rng: torch.Generator | None
    windows: WindowWish | None

    def schedule(self, dataset: Any, is_train: bool) -> Schedule:
        """The schedule that does so.

        Raises
        ------
        ConfigurationError
            When wishes contradict each other or the dataset.
        """
        self._check()
        if self.batch_sampler is not None:
            return SamplerSchedule(self.batch_sampler, batched=True, count=self.count)
        sampler = self._sampler(dataset)
        if sampler is None or isinstance(sampler, OrderSampler):
            source = self._every_position(dataset, is_train) if sampler is None else sampler
            ranks = None if self.ranks == ASK_TORCH else self.ranks
            return OrderSchedule(source, self.batch_size, self.drop_last, self.count, ranks)
        return SamplerSchedule(sampler, self.batch_size, self.drop_last, count=self.count)

    def _check(self) -> None:
        given = {"batch_sampler": self.batch_sampler, "sampler": self.sampler, "shuffle": self.shuffle}
        orders = [name for name, value in given.items() if value is not None]
        orders += ["weighted_sampler"] if self.weighted else []
        orders += ["patches_per_window"] if self.windows is not None else []
        if len(orders) > 1:
            raise ConfigurationError(
                message(
                    "the order of samples comes from one place", got=", ".join(orders), expected="one of them"
                )
            )

    def _sampler(self, dataset: Any) -> Iterable[int] | None:
        if self.windows is not None:
            windowed = self.windows.sampler(dataset)
            self.windows.announce(windowed, self.batch_size, self.ranks)
            return windowed
        if self.weighted:
            return self._weighted_sampler(dataset)
        sampler = self.sampler
        if callable(sampler) and not isinstance(sampler, Iterable):
            sampler = sampler()
        if sampler is not None and (isinstance(sampler, str) or not isinstance(sampler, Iterable)):
            rule = "a sampler says which positions are read, and in which order"
            expected = "indices of the dataset, or a callable that returns some"
            raise ConfigurationError(message(rule, expected=expected, got=named(sampler)))
        return sampler

    def _weighted_sampler(self, dataset: Any) -> Iterable[int]:
        if not hasattr(dataset, "get_weighted_sampler"):
            raise ConfigurationError(
                message(
                    "the dataset does not say how to weight its samples",
                    expected="a dataset with get_weighted_sampler(batch_size=, rng=)",
                    got=type(dataset).__name__,
                    hint="pass a sampler, for example torch.utils.data.WeightedRandomSampler",
                )
            )
        sampler: Iterable[int] = dataset.get_weighted_sampler(batch_size=self.batch_size, rng=self.rng)
        return sampler

    def _every_position(self, dataset: Any, is_train: bool) -> EveryPosition:
        size, shuffle = len(dataset), is_train if self.shuffle is None else self.shuffle
        if not size and (self.count or shuffle):
            raise ConfigurationError(
                message(
                    "a loader needs a position to read",
                    got="a dataset of length 0",
                    hint="dataset[0] says why; a volume smaller than a patch has a position with pad=True",
                )
            )
        return EveryPosition(size, shuffle)
