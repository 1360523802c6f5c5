"""From the numbers a model gives to the numbers that are stored, with nothing lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message

Conversion: TypeAlias = Literal["exact", "round", "unit"]
"""What happens to values that the stored type does not have.

"exact": an error. "round": the nearest whole number, cut to the range of the type. "unit": values from 0 to 1
are spread over the range of an integer type, as 0..255 for uint8, then rounded; what lies outside is cut.
Between types of floats values are rounded in any case, as numpy does it.
"""

_PIECE = 1 << 17  # values that are converted at once


def check_conversion(conversion: str) -> None:
    """Refuse what is no conversion."""
    if conversion not in get_args(Conversion):
        expected = ", ".join(map(repr, get_args(Conversion)))
        raise ConfigurationError(message("Unknown conversion.", expected=expected, got=repr(conversion)))


def converted(values: npt.NDArray[Any], dtype: np.dtype[Any], conversion: Conversion) -> npt.NDArray[Any]:
    """Values as the stored type has them.

    Parameters
    ----------
    values : ndarray
        Of any type of numbers, or bool.
    dtype : numpy.dtype
        The stored type.
    conversion : Conversion
        What to do with values it does not have.

    Raises
    ------
    ConfigurationError
        If there are values that it does not have, with one of them: with "exact" any, else NaN in integers.
    """
    if values.dtype == dtype or (values.dtype.kind == dtype.kind == "f"):
        return values.astype(dtype, copy=False)
    stored = np.empty(values.shape, dtype)
    for place, piece in _pieces(stored, values):
        place[...] = _converted(piece, dtype, conversion)
    return stored


def _pieces(
    stored: npt.NDArray[Any], values: npt.NDArray[Any]
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Both in pieces that fit into the cache of a processor, for a conversion makes several copies."""
    if values.size <= _PIECE or values.ndim == 1:
        yield stored, values
        return
    for row in range(len(values)):
        yield from _pieces(stored[row], values[row])


def _converted(values: npt.NDArray[Any], dtype: np.dtype[Any], conversion: Conversion) -> npt.NDArray[Any]:
    if conversion == "unit" and values.dtype.kind == "b":
        values = values.astype(np.float32)
    if conversion != "exact" and dtype.kind in "iu" and values.dtype.kind == "f":
        return _rounded(values, dtype, unit=conversion == "unit")
    if conversion == "round":
        return _cut(values, dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype)
    if not _has_all(dtype, values.dtype) and not _same(cast, values):
        raise _unfit(values, cast, dtype)
    return cast


def _rounded(values: npt.NDArray[Any], dtype: np.dtype[Any], *, unit: bool) -> npt.NDArray[Any]:
    _refuse_nan(values, dtype)
    limits = np.iinfo(dtype)
    wide: npt.NDArray[Any] = values.astype(np.float64 if dtype.itemsize > 2 else np.float32)
    if unit:
        wide = np.clip(wide, 0, 1) * limits.max
    rounded = np.rint(wide)
    low, high = float(limits.min), float(limits.max)
    with np.errstate(invalid="ignore"):
        stored: npt.NDArray[Any] = rounded.astype(dtype)
    # The largest 64-bit integers are no floats: the float next to them is out of their range.
    stored[rounded >= high] = limits.max
    stored[rounded <= low] = limits.min
    return stored


def _cut(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Whole numbers cut to the range of a type; a bool is whether the nearest whole number is not 0."""
    if dtype.kind == "b":
        _refuse_nan(values, dtype)
        return np.asarray(np.rint(values), bool)
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    low, high = max(limits.min, _lowest(values)), min(limits.max, _highest(values))
    return np.asarray(np.clip(values, low, high)).astype(dtype)


def _refuse_nan(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    if np.isnan(values).any():
        raise ConfigurationError(
            message("NaN cannot be stored as a whole number.", expected=f"values for {dtype}", got="NaN")
        )


def _lowest(values: npt.NDArray[Any]) -> int:
    return 0 if values.dtype.kind == "b" else int(np.iinfo(values.dtype).min)


def _highest(values: npt.NDArray[Any]) -> int:
    return 1 if values.dtype.kind == "b" else int(np.iinfo(values.dtype).max)


def _has_all(dtype: np.dtype[Any], other: np.dtype[Any]) -> bool:
    """Whether a type has every number of another; numpy casts 64-bit integers to floats that have not."""
    return np.can_cast(other, dtype) and not (
        other.kind in "iu" and other.itemsize == 8 and dtype.kind == "f"
    )


def _same(cast: npt.NDArray[Any], values: npt.NDArray[Any]) -> bool:
    """Whether casting lost nothing: there and back again gives the values, of the same sign."""
    with np.errstate(invalid="ignore", over="ignore"):
        back = cast.astype(values.dtype)
    return bool(((back == values) & ((cast < 0) == (values < 0))).all())


def _unfit(values: npt.NDArray[Any], cast: npt.NDArray[Any], dtype: np.dtype[Any]) -> ConfigurationError:
    with np.errstate(invalid="ignore", over="ignore"):
        example = values[(cast.astype(values.dtype) != values) | ((cast < 0) != (values < 0))].flat[0]
    return ConfigurationError(
        message(
            "The stored type does not have these values.",
            expected=f"values that {dtype} has, as conversion='exact' wants",
            got=f"{values.dtype} values, {example} among them",
            hint="conversion='unit' spreads 0..1 over the integers, 'round' takes the nearest one; "
            "or store them as float32",
        )
    )
