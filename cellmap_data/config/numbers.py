"""Numbers as users write them: whole ones, and places and ranges in nm."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

from cellmap_data.errors import ConfigurationError, message


def whole_number(value: Any, rule: str = "A position is a whole number.") -> int:
    """An integer of any type as an int.

    Parameters
    ----------
    value : int, numpy integer, tensor of one integer
        What a user gave.
    rule : str
        What it should have been, as the error begins.

    Raises
    ------
    TypeError
        If it is anything else, a float of a whole value too: as for the index of a list. Truth values are no
        positions either, so a mask does not stand for 0 and 1.
    """
    number = as_count(value, None)
    if number is None:
        raise TypeError(message(rule, expected="an int, or what stands for one", got=named(value)))
    return number


def counted(name: str, value: Any, least: int | None = 0, hint: str = "") -> int:
    """A whole number from ``least`` on as an int; None for any.

    Raises
    ------
    ConfigurationError
        If it is none, naming it.
    """
    number = as_count(value, least)
    if number is None:
        expected = "an int" if least is None else f"an int from {least} on"
        rule = f"{name} is a whole number"
        raise ConfigurationError(message(rule, expected=expected, got=named(value), hint=hint))
    return number


def as_count(value: Any, least: int | None = 0) -> int | None:
    """A whole number from ``least`` on as an int; None for what is none, truth values among it."""
    if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if least is None or number >= least else None


def as_range(given: Any) -> tuple[float, float] | None:
    """``(lo, hi)`` in nm as floats; None for what is not two finite numbers of which the first is smaller."""
    try:
        lo, hi = map(float, given)
    except (TypeError, ValueError):
        return None
    return (lo, hi) if math.isfinite(lo) and math.isfinite(hi) and lo < hi else None


def check_place(center: Any, axes: Collection[str]) -> None:
    """Refuse what is no ``{axis: nm}`` with a coordinate along each of some axes.

    Raises
    ------
    ConfigurationError
        If it is no mapping, or an axis has no coordinate.
    """
    if not isinstance(center, Mapping) or not set(axes) <= set(center):
        raise ConfigurationError(
            message(
                "A place has a coordinate along each axis.",
                expected="{" + ", ".join(f"{axis!r}: nm" for axis in axes) + "}",
                got=dict(center) if isinstance(center, Mapping) else named(center),
            )
        )


def check_finite(values: Mapping[str, float], rule: str = "A coordinate is a finite number of nm.") -> None:
    """ConfigurationError if one of the numbers by axis is NaN, infinite or none at all."""
    if not all(map(_is_finite, values.values())):
        raise ConfigurationError(message(rule, expected="finite numbers", got=dict(values)))


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def named(value: Any) -> str:
    """What was given, in a line: its type, and its value where that is short."""
    text = repr(value)
    return f"{type(value).__name__} {text}" if len(text) <= 60 and "\n" not in text else type(value).__name__
