"""Random numbers for many places of an epoch at once: functions of the seed, the epoch and the place.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014),
whose n-th number is a mix of its key and n, so any part of the sequence can be had alone.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.uint64]
Indices: TypeAlias = npt.NDArray[np.int64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def keys_of(count: int, *coordinates: int) -> Words:
    """``count`` independent keys for a seed, an epoch and whatever else tells one sequence from another."""
    entropy = [coordinate & (1 << 64) - 1 for coordinate in coordinates]
    keys: Words = np.random.SeedSequence(entropy).generate_state(count, np.uint64)  # type: ignore[assignment]
    return keys


def words_at(key: np.uint64, places: Indices) -> Words:
    """64 random bits for each place (int64, any shape)."""
    return mixed(key + (places.astype(np.uint64) + np.uint64(1)) * GAMMA)


def below(words: Words, bounds: npt.NDArray[np.int64] | int) -> Indices:
    """A whole number of ``range(bound)`` for each word: the upper 64 bits of word times bound.

    Each number is as likely as any other up to a share of bound / 2**64.
    """
    n = np.asarray(bounds).astype(np.uint64)
    high, low = words >> _HALF, words & _LOW
    n_high, n_low = n >> _HALF, n & _LOW
    carry = high * n_low + ((low * n_low) >> _HALF)
    middle = low * n_high + (carry & _LOW)
    upper: Words = high * n_high + (carry >> _HALF) + (middle >> _HALF)
    return upper.astype(np.int64)


def fractions(words: Words) -> npt.NDArray[np.float64]:
    """A float64 in 0 <= x < 1 for each word, a multiple of 2**-53."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def mixed(words: Words) -> Words:
    """The finaliser of SplitMix64: every bit of a word reaches every bit of the result."""
    words = (words ^ (words >> np.uint64(30))) * _M1
    words = (words ^ (words >> np.uint64(27))) * _M2
    return words ^ (words >> np.uint64(31))
