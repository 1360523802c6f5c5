"""Every index as likely as any other."""

from __future__ import annotations

from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.orders import Order, ShuffledOrder
from cellmap_data.sampler.weighted import WeightedOrder


class UniformSampler(OrderSampler):
    """Random indices of ``range(size)``, any number of them at no cost.

    Parameters
    ----------
    size : int
        The length of the dataset.
    replacement : bool
        False: every index once in random order, then once again, and so on. True: each draw is independent.
    samples_per_epoch : int, optional
        Draws of an epoch, all ranks together; None for ``size``. With fewer, an epoch is a random subset,
        another in each epoch.
    seed, rank, world_size
        As for :class:`OrderSampler`.

    Raises
    ------
    ConfigurationError
        When there is nothing to sample.
    """

    def __init__(
        self,
        size: int,
        replacement: bool = False,
        samples_per_epoch: int | None = None,
        seed: int | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.size, self.replacement = size, replacement
        self.order(0)  # what is wrong with the size is told here
        count = size if samples_per_epoch is None else samples_per_epoch
        super().__init__(count, seed, rank=rank, world_size=world_size)

    def order(self, seed: int) -> Order:
        """The draws for a seed."""
        return (
            WeightedOrder((self.size,), (1.0,), seed) if self.replacement else ShuffledOrder(self.size, seed)
        )
