"""The batches of an epoch, as indices that know their draw."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from cellmap_data.sampler import (
    ASK_TORCH,
    Clock,
    Draw,
    Order,
    OrderSampler,
    Point,
    RankOptions,
    SampleIndex,
    SequentialOrder,
    ShuffledOrder,
)

Ticket = list[SampleIndex]

_BLOCK = 1024


class Share(Protocol):
    """What one process takes of each epoch."""

    @property
    def world_size(self) -> int:
        """How many ranks the epoch is split over here; 1 when it is not split, or was before."""

    def __len__(self) -> int:
        """The number of batches of an epoch."""

    def batches(self, seed: int, begin: Point) -> Iterator[Ticket]:
        """The batches of an epoch in order, from a point on."""

    def after(self, ticket: Ticket) -> int:
        """The place, of all ranks, that comes after a batch."""

    def is_over(self, place: int) -> bool:
        """Whether no batch begins at that place or later; False if only iteration can tell."""


class Schedule(Protocol):
    """What epochs consist of."""

    @property
    def sampled(self) -> bool:
        """Whether a sampler chose the positions; then no others may come in their place."""

    def share(self, split: bool) -> Share:
        """The share of this rank as things are now; the whole if ``split`` is False."""


@dataclass(frozen=True)
class ArithmeticShare:
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
        return self._batches_from(0)

    def is_over(self, place: int) -> bool:
        """Whether no batch begins at that place."""
        return self._batches_from(place) == 0

    def after(self, ticket: Ticket) -> int:
        """The place that the next batch of rank 0 begins with."""
        return min(ticket[-1].draw.k - self.rank + self.world_size, self.total)

    def batches(self, seed: int, begin: Point) -> Iterator[Ticket]:
        """The batches of this rank."""
        samples = -(-(self.total - begin.place) // self.world_size)
        if self.drop_last:
            samples = self._batches_from(begin.place) * self.batch_size
        return chunked(self._indices(seed, begin, samples), self.batch_size)

    def batch(self, seed: int, epoch: int, number: int) -> Ticket:
        """One batch of a whole epoch."""
        begin = Point(epoch, number * self.batch_size * self.world_size)
        return next(self.batches(seed, begin))

    def _batches_from(self, place: int) -> int:
        left = max(self.total - place, 0)
        if self.drop_last:
            return left // (self.batch_size * self.world_size)
        return -(-left // (self.batch_size * self.world_size))

    def _indices(self, seed: int, begin: Point, samples: int) -> Iterator[SampleIndex]:
        order, epoch = self.order(seed), begin.epoch
        for start in range(0, samples, _BLOCK):
            count = np.arange(start, min(start + _BLOCK, samples), dtype=np.int64)
            places = begin.place + count * self.world_size + self.rank
            indices = order.indices(epoch, places % self.total)
            for place, index in zip(places.tolist(), indices.tolist(), strict=True):
                yield SampleIndex(index, Draw(seed, epoch, place))


@dataclass(frozen=True)
class EveryPosition:
    """Every position of a dataset once, shuffled or in sequence: what a loader does unless told otherwise."""

    samples_per_epoch: int
    shuffle: bool
    ranks: RankOptions = ASK_TORCH

    def order(self, seed: int) -> Order:
        """The order for a seed."""
        size = self.samples_per_epoch
        return ShuffledOrder(size, seed) if self.shuffle else SequentialOrder(size)


@dataclass(frozen=True)
class OrderSchedule:
    """Batches by arithmetic on an order; it is asked anew for each epoch.

    Parameters
    ----------
    source
        Who gives the order.
    count
        Batches of an epoch on each rank; None = as many as the source's ``samples_per_epoch`` make.
    ranks
        Which share to take; None for the source's.
    """

    source: EveryPosition | OrderSampler
    batch_size: int
    drop_last: bool = False
    count: int | None = None
    ranks: RankOptions | None = None

    def drive(self, clock: Clock) -> None:
        """Let a sampler that gives the order stand where its loader does."""
        if isinstance(self.source, OrderSampler):
            self.source.clock = clock

    @property
    def sampled(self) -> bool:
        """Whether a sampler gives the order."""
        return isinstance(self.source, OrderSampler)

    def share(self, split: bool) -> ArithmeticShare:
        """The share of this rank as things are now; the whole if ``split`` is False and no rank was given."""
        ranks = self.ranks or self.source.ranks
        rank, world = ranks.now()
        total = self.source.samples_per_epoch
        if self.count is not None:
            total = self.count * self.batch_size * world
        share = (rank, world) if split or ranks.rank is not None else (0, 1)
        return ArithmeticShare(self.order, total, self.batch_size, self.drop_last, *share)

    def share_of(self, place: int) -> ArithmeticShare:
        """The share of the rank that a place belongs to."""
        share = self.share(split=True)
        return replace(share, rank=place % share.world_size, drop_last=False)

    def order(self, seed: int) -> Order:
        """The order, given the loader's seed; a sampler's own comes first."""
        if isinstance(self.source, OrderSampler) and self.source.seed is not None:
            seed = self.source.seed
        return self.source.order(seed)


def chunked(indices: Iterator[SampleIndex], size: int) -> Iterator[Ticket]:
    """Lists of ``size`` indices, the last perhaps shorter."""
    while chunk := list(itertools.islice(indices, size)):
        yield chunk
