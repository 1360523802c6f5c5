"""Draws in which some crops come more often than others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.chance import Indices, below, fractions, keys_of, words_at


@dataclass(frozen=True, slots=True)
class WeightedOrder:
    """Random crops by their shares, and in each any of its positions; with replacement.

    The probability of an index in crop ``d`` is ``shares[d] / sum(shares) / sizes[d]``. Indices count through
    the crops, one after the other. A draw costs a search among the crops, whatever number of positions these
    have.

    Parameters
    ----------
    sizes : tuple of int
        The number of positions of each crop.
    shares : tuple of float
        Proportional to how often each crop is drawn. Of crops without positions they don't count.
    seed : int
        With the epoch, what the draws depend on.

    Raises
    ------
    ConfigurationError
        When a share is negative or not finite, or no crop that has positions has a share.
    """

    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    seed: int
    _sizes: Indices = field(init=False, repr=False, compare=False)
    _starts: Indices = field(init=False, repr=False, compare=False)
    _ends: npt.NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes, shares = np.array(self.sizes, np.int64), np.array(self.shares, np.float64)
        if sizes.shape != shares.shape or not np.isfinite(shares).all() or (shares < 0).any():
            raise ConfigurationError(
                message(
                    "crops are drawn by their shares",
                    expected=f"{len(self.sizes)} finite numbers, none below 0",
                    got=list(self.shares),
                )
            )
        drawn = np.flatnonzero((sizes > 0) & (shares > 0))
        if not drawn.size:
            raise ConfigurationError(
                message("no crop can be drawn", got="no crop has both positions and a share above 0")
            )
        object.__setattr__(self, "_sizes", sizes[drawn])
        object.__setattr__(self, "_starts", (np.cumsum(sizes) - sizes)[drawn])
        object.__setattr__(self, "_ends", np.cumsum(shares[drawn]))

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``; each is drawn independently of all others."""
        crop_key, position_key = keys_of(2, self.seed, epoch)
        ends = self._ends
        found = np.searchsorted(ends, fractions(words_at(crop_key, places)) * ends[-1], side="right")
        crops = np.minimum(found, ends.size - 1)  # the product may round up to the last end
        drawn: Indices = self._starts[crops] + below(words_at(position_key, places), self._sizes[crops])
        return drawn


class WeightedSampler(OrderSampler):
    """Random indices, with replacement, of crops that have a share of the draws each.

    The probability of an index in crop ``d`` is ``shares[d] / sum(shares) / sizes[d]``. With one crop this is
    a uniform draw with replacement.

    Parameters
    ----------
    sizes : sequence of int
        The number of positions of each crop, in the order of the dataset.
    shares : sequence of float
        Proportional to how often each crop is drawn.
    samples_per_epoch : int, optional
        Draws of an epoch, all ranks together; None for as many as there are positions.
    seed, rank, world_size
        As for :class:`OrderSampler`.

    Raises
    ------
    ConfigurationError
        As :class:`WeightedOrder`, and :class:`OrderSampler`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        shares: Sequence[float],
        samples_per_epoch: int | None = None,
        seed: int | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.sizes, self.shares = tuple(map(int, sizes)), tuple(map(float, shares))
        self.order(0)  # what is wrong with them is told here
        count = sum(self.sizes) if samples_per_epoch is None else samples_per_epoch
        super().__init__(count, seed, rank=rank, world_size=world_size)

    def order(self, seed: int) -> WeightedOrder:
        """The draws for a seed."""
        return WeightedOrder(self.sizes, self.shares, seed)
