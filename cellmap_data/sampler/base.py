"""The samplers of this package: an order behind the face of a torch sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch.utils.data import DistributedSampler

from cellmap_data.config import counted
from cellmap_data.sampler.clock import Clock, Point
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
    clock : Clock
        Where it stands; a loader that drives it puts its own here. Iterating by hand does not move that.

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
        self.seed: int | None = None if seed is None else counted("seed", seed, None)  # type: ignore[assignment]
        self.ranks = RankOptions.checked(rank, world_size)
        self.clock = self._own = Clock()

    @staticmethod
    def checked_count(samples_per_epoch: int) -> int:
        """That number, if it counts samples; ConfigurationError if not."""
        return counted("samples_per_epoch", samples_per_epoch, 1)

    @abstractmethod
    def order(self, seed: int) -> Order:
        """Which index stands at which place, given the seed: a small value that can be pickled."""

    def current_order(self) -> Order:
        """The order for the sampler's own seed, else that of whoever drives it."""
        return self.order(self.clock.seed if self.seed is None else self.seed)

    @property
    def epoch(self) -> int:
        """The epoch that begins next."""
        return self.clock.coming.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self.clock.set_epoch(epoch)

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch."""
        self.clock.set_epoch(epoch)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.samples_per_epoch} samples an epoch, seed={self.seed})"

    def __len__(self) -> int:
        """The number of indices that this rank gets in an epoch."""
        return -(-self.samples_per_epoch // self.ranks.beside_frameworks().world_size)

    def __iter__(self) -> Iterator[int]:
        begun = self._own.begin()
        order, (rank, world) = self.current_order(), self.ranks.beside_frameworks()
        total = self.samples_per_epoch
        for first in range(begun.place, total, world * _BLOCK):
            places = np.arange(first + rank, min(first + world * _BLOCK, total + rank), world, dtype=np.int64)
            indices = order.indices(begun.epoch, places % total)
            for after, index in zip((places - rank + world).tolist(), indices.tolist(), strict=True):
                self._own.reach(Point(begun.epoch, after))
                yield index
        self._own.finish()

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later: (seed, epoch, next k) and which subset, if there is one.

        It counts what was delivered by the loader of this package that drives the sampler, otherwise what was
        handed out, which foreign loaders with workers ask for ahead.
        """
        epoch, place, _ = self.clock.point
        seed = self.clock.seed if self.seed is None else self.seed
        return {"seed": seed, "epoch": epoch, "k": place, **self.extra_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; the number of ranks may be another than it was."""
        self.seed = state["seed"]
        self.load_extra_state(state)
        self.clock.go_to(Point(state["epoch"], state["k"]))

    def extra_state(self) -> dict[str, Any]:
        """What else decides on the order and changes while it is used; numbers and strings."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`extra_state` gave; there may be more in ``state``."""
