"""The samplers of this package: an order behind the face of a torch sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DistributedSampler

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.orders import Order
from cellmap_data.sampler.ranks import RankOptions

_BLOCK = 1024


class OrderSampler(DistributedSampler[int], ABC):
    """A sampler whose k-th index of an epoch is arithmetic on (seed, epoch, k).

    The loaders of this package ask it for its :meth:`order` and do the rest themselves: ranks, resuming and
    any number of workers come from that. Any other DataLoader iterates over it; each iteration is the next
    epoch. Then it yields the share of this rank, the places rank, rank + world_size, ..., as many on each
    rank: the last wrap around to the first.

    It is a ``DistributedSampler`` because that is how frameworks know a sampler that splits: Lightning leaves
    it in place. Where Accelerate drives it yields the whole epoch, which Accelerate splits.

    Parameters
    ----------
    samples_per_epoch : int
        Indices of an epoch, all ranks together.
    seed : int, optional
        Of the order; None for the loader's, elsewhere ``torch.initial_seed()``.
    rank, world_size : int, optional
        Which share to take. None for those of ``torch.distributed``, if that is initialised when iteration
        begins; ``world_size=1`` for all of it on every rank.

    Attributes
    ----------
    epoch : int
        The epoch that begins next.

    Raises
    ------
    ConfigurationError
        If there is nothing to sample, or no such rank.
    """

    def __init__(
        self,
        samples_per_epoch: int,
        seed: int | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        # DistributedSampler.__init__ is left out: it needs torch.distributed, and lists every index.
        self.samples_per_epoch = self.checked_count(samples_per_epoch)
        self.seed: int | None = seed  # type: ignore[assignment]
        self.ranks = RankOptions.checked(rank, world_size)
        self.epoch = 0

    @staticmethod
    def checked_count(samples_per_epoch: int) -> int:
        """That number, if it counts samples; ConfigurationError if not."""
        if samples_per_epoch < 1:
            raise ConfigurationError(
                message("an epoch has samples", expected="samples_per_epoch >= 1", got=samples_per_epoch)
            )
        return samples_per_epoch

    @abstractmethod
    def order(self, seed: int) -> Order:
        """Which index stands at which place, given the seed: a small value that can be pickled."""

    def order_for(self, seed: int) -> Order:
        """The order for whoever has a seed of its own; the sampler's comes first."""
        return self.order(seed if self.seed is None else self.seed)

    def __len__(self) -> int:
        """The number of indices that this rank gets."""
        return -(-self.samples_per_epoch // self.ranks.beside_frameworks().world_size)

    def __iter__(self) -> Iterator[int]:
        order = self.order_for(torch.initial_seed())
        epoch, self.epoch = self.epoch, self.epoch + 1
        rank, world = self.ranks.beside_frameworks()
        share = -(-self.samples_per_epoch // world)
        for start in range(0, share, _BLOCK):
            counts = np.arange(start, min(start + _BLOCK, share), dtype=np.int64)
            places = (counts * world + rank) % self.samples_per_epoch
            yield from order.indices(epoch, places).tolist()

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch."""
        self.epoch = epoch
