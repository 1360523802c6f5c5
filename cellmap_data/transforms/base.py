"""What the transforms of this package have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from cellmap_data.errors import ConfigurationError, message


class TensorTransform(torch.nn.Module):
    """Base of transforms that take one tensor and return another, leaving the one they were given alone."""


class RandomTransform(TensorTransform):
    """A transform that draws random numbers.

    Its ``forward`` takes ``rng``, the numpy generator to draw from; None means torch's global generator.
    """

    @staticmethod
    def generator(x: torch.Tensor, rng: np.random.Generator | None) -> torch.Generator | None:
        """A torch generator for draws on the device of ``x``, seeded by one draw from ``rng``."""
        if rng is None:
            return None
        return torch.Generator(x.device).manual_seed(int(rng.integers(1 << 63)))


def checked_range(name: str, given: tuple[float, float], least: float) -> tuple[float, float]:
    """A range (low, high) as floats.

    Raises
    ------
    ConfigurationError
        When it does not hold two ascending numbers of at least ``least``.
    """
    try:
        low, high = map(_as_float, given)
    except (TypeError, ValueError):
        low = high = math.nan
    if not least <= low <= high < math.inf:
        raise ConfigurationError(
            message(f"{name} is a range", expected=f"(low, high) with {least:g} <= low <= high", got=given)
        )
    return low, high


def checked_number(name: str, given: float, least: float = -math.inf) -> float:
    """An option as a float.

    Raises
    ------
    ConfigurationError
        When it is no finite number of at least ``least``.
    """
    number = _as_float(given)
    if not (math.isfinite(number) and number >= least):
        wanted = "a finite number" if least == -math.inf else f"a finite number of at least {least:g}"
        raise ConfigurationError(message(f"{name} is a number", expected=wanted, got=repr(given)))
    return number


def checked_count(name: str, given: int) -> int:
    """An option that counts something.

    Raises
    ------
    ConfigurationError
        When it is no whole number of at least 1.
    """
    number = _as_float(given)
    if not (number >= 1 and number.is_integer()):
        raise ConfigurationError(
            message(f"{name} is a count", expected="a whole number of at least 1", got=repr(given))
        )
    return int(number)


def _as_float(given: Any) -> float:
    """NaN for what is no number: text and bool are none, though Python would convert them."""
    try:
        return math.nan if isinstance(given, str | bytes | bool) else float(given)
    except (TypeError, ValueError):
        return math.nan


def as_floating(x: torch.Tensor) -> torch.Tensor:
    """``x`` itself if floating, else as float32, or as float64 where float32 would round integers."""
    if x.is_floating_point():
        return x
    return x.to(torch.float32 if x.dtype.itemsize < 4 else torch.float64)


def brightest(dtype: torch.dtype) -> float:
    """The value of white: 1 for floats and bool, the largest number for integers."""
    return 1.0 if dtype.is_floating_point or dtype == torch.bool else float(torch.iinfo(dtype).max)


def as_image(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Floating values clipped to black and white and stored as ``dtype``; integers are rounded."""
    clipped = values.clamp(0.0, brightest(dtype))
    return clipped.to(dtype) if dtype.is_floating_point else clipped.round().to(dtype)
