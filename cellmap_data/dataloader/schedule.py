"""The batches of an epoch, as indices that know their draw."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import Draw, Order, OrderSampler, SampleIndex

Ticket = list[SampleIndex]

_BLOCK = 1024


class Schedule(Protocol):
    """What an epoch consists of."""

    @property
    def world_size(self) -> int:
        """How many ranks the epoch is split over here; 1 when it is not split, or was before."""

    def __len__(self) -> int:
        """The number of batches."""

    def batches(self, seed: int, epoch: int) -> Iterator[Ticket]:
        """The batches in order."""


class Clock:
    """Where a loader stands in its random numbers.

    Parameters
    ----------
    seed
        None takes ``torch.initial_seed()`` when the first number is needed.

    Attributes
    ----------
    epoch
        The epoch that begins next.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed, self.epoch = seed, 0

    @property
    def seed(self) -> int:
        """The seed, fixed from its first use on."""
        if self._seed is None:
            self._seed = torch.initial_seed()
        return self._seed


@dataclass(frozen=True)
class ArithmeticSchedule:
    """Batches of an order that can be asked for any place; rank r of w takes the places r, r + w, ...

    Every rank gets the same number of samples: the last places wrap around to the first, or are dropped
    with ``drop_last``.

    Parameters
    ----------
    order
        Which index stands at which place; it takes the seed from the loader.
    total
        The number of samples of an epoch, all ranks together.
    """

    order: Callable[[int], Order]
    total: int
    batch_size: int
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        if self.drop_last:
            return self.total // (self.batch_size * self.world_size)
        return -(-self._samples // self.batch_size)

    @property
    def _samples(self) -> int:
        return -(-self.total // self.world_size)

    def batches(self, seed: int, epoch: int) -> Iterator[Ticket]:
        """The batches of this rank."""
        samples = len(self) * self.batch_size if self.drop_last else self._samples
        return _chunked(self._indices(seed, epoch, samples), self.batch_size)

    def _indices(self, seed: int, epoch: int, samples: int) -> Iterator[SampleIndex]:
        order = self.order(seed)
        for start in range(0, samples, _BLOCK):
            count = np.arange(start, min(start + _BLOCK, samples), dtype=np.int64)
            places = count * self.world_size + self.rank
            indices = order.indices(epoch, places % self.total)
            for place, index in zip(places.tolist(), indices.tolist(), strict=True):
                yield SampleIndex(index, Draw(seed, epoch, place))


@dataclass(frozen=True)
class OrderSamplerSchedule:
    """Batches of a sampler of ours, by arithmetic on its order; it is asked anew for each epoch.

    Parameters
    ----------
    count
        Batches of an epoch; None = as many as the sampler's ``samples_per_epoch`` make.
    """

    sampler: OrderSampler
    batch_size: int
    drop_last: bool = False
    count: int | None = None

    @property
    def world_size(self) -> int:
        """How many ranks share an epoch."""
        return self.sampler.ranks.now().world_size

    def __len__(self) -> int:
        return len(self._now())

    def batches(self, seed: int, epoch: int) -> Iterator[Ticket]:
        """The batches of this rank."""
        return self._now().batches(seed, epoch)

    def _now(self) -> ArithmeticSchedule:
        sampler, (rank, world) = self.sampler, self.sampler.ranks.now()
        total = sampler.samples_per_epoch if self.count is None else self.count * self.batch_size * world
        return ArithmeticSchedule(sampler.order_for, total, self.batch_size, self.drop_last, rank, world)


@dataclass(frozen=True)
class SamplerSchedule:
    """Batches of a user's sampler, or a user's batch sampler; taken as already split over ranks.

    Parameters
    ----------
    source
        Yields indices, or lists of indices with ``batched``.
    count
        Batches of an epoch; the source starts again when it ends before. None = as many as it yields.
    """

    source: Iterable[Any]
    batch_size: int = 1
    drop_last: bool = False
    batched: bool = False
    count: int | None = None
    world_size: int = 1

    def __len__(self) -> int:
        if self.count is not None:
            return self.count
        if not isinstance(self.source, Sized):
            raise TypeError(f"{type(self.source).__name__} has no length, so the loader has none either")
        if self.batched:
            return len(self.source)
        return (
            len(self.source) // self.batch_size if self.drop_last else -(-len(self.source) // self.batch_size)
        )

    def batches(self, seed: int, epoch: int) -> Iterator[Ticket]:
        """The batches, the k-th index of the epoch carrying draw k."""
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(epoch)
        k = itertools.count()
        items = iter(self.source) if self.count is None else _again_and_again(self.source)
        batches: Iterator[Ticket]
        if self.batched:
            batches = ([SampleIndex(i, Draw(seed, epoch, next(k))) for i in batch] for batch in items)
        else:
            batches = _chunked((SampleIndex(i, Draw(seed, epoch, next(k))) for i in items), self.batch_size)
        for batch in itertools.islice(batches, self.count):
            if not (self.drop_last and not self.batched and len(batch) < self.batch_size):
                yield batch


def _chunked(indices: Iterator[SampleIndex], size: int) -> Iterator[Ticket]:
    while chunk := list(itertools.islice(indices, size)):
        yield chunk


def _again_and_again(source: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for item in source:
            empty = False
            yield item
        if empty:
            raise ConfigurationError(
                message("the sampler yields nothing", expected="at least one index for iterations_per_epoch")
            )
