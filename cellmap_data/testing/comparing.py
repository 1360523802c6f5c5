"""Samples and batches side by side: the first thing in which two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["difference"]


def difference(one: Any, other: Any, place: str = "") -> str:
    """Say where two values differ and how; empty if they are equal bit by bit, NaN at the same places."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return f"{place or 'the keys'}: {_listed(one)} against {_listed(other)}"
        return _first([(one[key], other[key], f"{place}[{key!r}]") for key in one])
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{place or 'the length'}: {len(one)} against {len(other)} items"
        return _first([(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))])
    if _is_array(one) and _is_array(other):
        return _array_difference(one, other, place)
    return "" if type(one) is type(other) and one == other else f"{place}: {one!r} against {other!r}"


def _first(parts: list[tuple[Any, Any, str]]) -> str:
    return next((found for found in (difference(*part) for part in parts) if found), "")


def _is_array(value: Any) -> bool:
    return isinstance(value, torch.Tensor | np.ndarray)


def _array_difference(one: Any, other: Any, place: str) -> str:
    kinds = [f"{array.dtype} {list(array.shape)}" for array in (one, other)]
    if kinds[0] != kinds[1]:
        return f"{place}: {kinds[0]} against {kinds[1]}"
    a, b = _values(one), _values(other)
    unlike = (a != b) & ~((a != a) & (b != b))  # only NaN differs from itself
    if not unlike.any():
        return ""
    count = f"{np.count_nonzero(unlike)} of {a.size} values"
    return f"{place}: {count}, the first {a[unlike][0]} against {b[unlike][0]}"


def _values(array: torch.Tensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    if isinstance(array, np.ndarray):
        return array
    array = array.detach().cpu()
    return (array.float() if array.dtype == torch.bfloat16 else array).numpy()  # numpy has no bfloat16


def _listed(keys: Any) -> str:
    return ", ".join(map(repr, keys)) or "none"
