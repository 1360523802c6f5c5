"""Which index comes at which place of an epoch, for any number of positions at no cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.chance import Indices, Words, keys_of, mixed

ROUNDS = 6
"""Of the network; Luby and Rackoff need 4."""


class Order(Protocol):
    """An endless sequence of dataset indices in which any place can be asked for."""

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The dataset indices at ``places`` (int64, shape ``(n,)``) of an epoch."""


@dataclass(frozen=True, slots=True)
class SequentialOrder:
    """0, 1, 2, ... and from the start again."""

    size: int

    def indices(self, epoch: int, places: Indices) -> Indices:  # noqa: ARG002 - the same in every epoch
        """The place itself, modulo the number of positions."""
        return places % self.size


@dataclass(frozen=True, slots=True)
class ShuffledOrder:
    """Every index once in random order, then every index once in another, and so on.

    The order is a Feistel network (Luby and Rackoff, 1988) on the smallest even number of bits that holds
    every index; a value beyond the last index goes through the network again until it lands inside
    ("cycle walking", Black and Rogaway, "Ciphers with arbitrary finite domains", 2002), fewer than four
    times on average. Nothing is stored, whatever ``size`` is.

    Parameters
    ----------
    size
        The number of positions, at most 2**62.
    seed
        With the epoch, the key of the network.

    Raises
    ------
    ConfigurationError
        When there is no position, or too many.
    """

    size: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 1 << 62:
            raise ConfigurationError(
                message("an order needs positions", expected="1 to 2**62 of them", got=self.size)
            )

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``: a permutation of ``range(size)`` for each ``size`` places."""
        passes, places = np.divmod(places, self.size)
        result = np.empty_like(places)
        for one in {*passes.tolist()}:  # np.unique would import numpy.ma, 50 ms before the first batch
            chosen = passes == one
            result[chosen] = self._permute(places[chosen], keys_of(ROUNDS, self.seed, epoch, one))
        return result

    def _permute(self, places: Indices, keys: Words) -> Indices:
        half = np.uint64(half_bits(self.size))
        values = feistel(places.astype(np.uint64), half, keys)
        outside = values >= self.size
        while outside.any():
            values[outside] = feistel(values[outside], half, keys)
            outside = values >= self.size
        return values.astype(np.int64)


def half_bits(size: int) -> int:
    """Half of the smallest even number of bits that holds every number below ``size``."""
    return max(1, ((size - 1).bit_length() + 1) // 2)


def feistel(values: Words, half: np.uint64 | Words, keys: Words) -> Words:
    """A permutation of the numbers of twice ``half`` bits, with one key for each round.

    Values may have a number of bits, and keys, of their own: ``half`` is [n] then, ``keys`` [rounds, n].
    """
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for key in keys:
        left, right = right, left ^ (mixed(right + key) & mask)
    return (left << half) | right
