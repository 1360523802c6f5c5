"""Several patches of each part of a volume before moving on."""

from __future__ import annotations

from typing import Any

from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.windows import WindowedOrder, Windows


class WindowedSampler(OrderSampler):
    """Every position once in an order that takes ``patches`` of a window at a time: for slow decoding.

    Parameters
    ----------
    windows : Windows
        What the positions are cut into.
    patches : int
        Positions of a window that come before the order moves on.
    at_once : int
        Windows that take turns, so that a batch is mixed of as many.
    samples_per_epoch : int, optional
        None for every position once.
    locality : object, optional
        What is known of the reading that is saved; kept for whoever asks.
    seed, rank, world_size
        As for :class:`OrderSampler`.

    Raises
    ------
    ConfigurationError
        When there is nothing to sample, or a number counts nothing.
    """

    def __init__(
        self,
        windows: Windows,
        patches: int,
        at_once: int = 4,
        samples_per_epoch: int | None = None,
        seed: int | None = None,
        *,
        locality: Any = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.windows, self.patches, self.at_once = windows, patches, at_once
        self.locality = locality
        size = self.order(0).size
        count = size if samples_per_epoch is None else samples_per_epoch
        super().__init__(count, seed, rank=rank, world_size=world_size)

    def order(self, seed: int) -> WindowedOrder:
        """The draws for a seed."""
        return WindowedOrder(self.windows, self.patches, self.at_once, seed)
