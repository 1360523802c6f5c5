"""Specifications of arrays, paths of targets, and draws of indices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch

from cellmap_data.config.targets import TargetPath
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import ShuffledOrder

Arrays = Mapping[str, Any]
"""``{"shape": ..., "scale": ...}``, or a mapping from names to such."""


def torch_max_value(dtype: torch.dtype) -> int:
    """The value of white: the largest number of an integer type, 1 for any other."""
    whole = not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool)
    return torch.iinfo(dtype).max if whole else 1


def longest_common_substring(a: str, b: str) -> str:
    """The longest text that is in both; of several, the one that comes first in ``a``."""
    match = SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
    return a[match.a : match.a + match.size]


def split_target_path(path: str) -> tuple[str, list[str]]:
    """Part the path of a target from the classes that it names.

    Parameters
    ----------
    path : str
        ``base/[c1,c2]suffix``, or a path whose last part is the one class.

    Returns
    -------
    tuple of str and list of str
        ``base/{label}suffix``, for ``str.format(label=...)``, or a path without brackets as it is; and the
        classes in their order.

    Raises
    ------
    ConfigurationError
        If a class has no name.
    """
    target = TargetPath.parse(path)
    names = list(target.annotated)
    whole = [target.of(name) for name in names] == [path.rstrip("/")]
    return path if whole else target.of("{label}"), names


def is_array_2D(  # noqa: N802 - the name that programs import
    array_info: Arrays | None, summary: Callable[[Iterable[Any]], bool] | None = None
) -> bool | dict[str, Any]:
    """Whether the shape of an array has two numbers.

    Parameters
    ----------
    array_info : mapping or None
        One array, or several by name; nothing is not 2-D.
    summary : callable, optional
        Makes one answer of those for several arrays, such as ``any`` or ``all``.

    Returns
    -------
    bool or dict
        ``{name: bool}`` for several arrays without ``summary``.
    """
    return _asked(array_info, lambda shape: len(shape) == 2, summary)


def array_has_singleton_dim(array_info: Arrays | None, summary: bool = True) -> bool | dict[str, Any]:
    """Whether the shape of an array has an axis of one voxel.

    Parameters
    ----------
    array_info : mapping or None
        One array, or several by name; nothing has none.
    summary : bool
        For several arrays: whether any has one, in place of ``{name: bool}``.

    Returns
    -------
    bool or dict
        ``{name: bool}`` for several arrays with ``summary=False``.
    """
    return _asked(array_info, lambda shape: 1 in shape, any if summary else None)


def get_sliced_shape(shape: Sequence[int], axis: int) -> list[int]:
    """The shape of a section that is one voxel thick along ``axis``.

    Parameters
    ----------
    shape : sequence of int
        Two numbers, which are the plane, or three of which one is 1. Three that are a block are returned
        as they are.
    axis : int
        0, 1, 2 for z, y, x; negative ones count from the end.

    Returns
    -------
    list of int
        Voxels along z, y, x; the plane keeps its order.

    Raises
    ------
    ConfigurationError
        If there is no such axis, or there are not two or three numbers.
    """
    sliced = list(shape)
    if len(sliced) not in (2, 3) or not -3 <= axis < 3:
        raise ConfigurationError(
            message(
                "A section is a plane across one of three axes.",
                expected="two or three numbers of voxels, and an axis of -3 to 2",
                got=f"{tuple(shape)}, axis {axis}",
            )
        )
    axis %= 3
    if len(sliced) == 2:
        sliced.insert(axis, 1)
    elif 1 in sliced and sliced[axis] != 1:
        sliced.remove(1)
        sliced.insert(axis, 1)
    return sliced


def permute_singleton_dimension(arr_dict: MutableMapping[str, Any], axis: int) -> None:
    """Turn the planes among arrays across ``axis``, in place; blocks stay as they are.

    A scale of two numbers belongs to the plane, and gets its first number along ``axis``. A scale of three
    belongs to z, y, x, whichever way the plane lies.

    Parameters
    ----------
    arr_dict : mutable mapping
        ``{"shape": ..., "scale": ...}``, or several such by name.
    axis : int
        0, 1, 2 for z, y, x.

    Raises
    ------
    ConfigurationError
        As for :func:`get_sliced_shape`.
    """
    if "shape" not in arr_dict:
        for array in arr_dict.values():
            permute_singleton_dimension(array, axis)
        return
    arr_dict["shape"] = get_sliced_shape(arr_dict["shape"], axis)
    if len(scale := list(arr_dict["scale"])) == 2:
        scale.insert(axis % 3, scale[0])
    arr_dict["scale"] = scale


def min_redundant_inds(n: int, k: int, replacement: bool, rng: torch.Generator | None = None) -> torch.Tensor:
    """Draw ``k`` of the indices 0 to n - 1, with as few repetitions as there can be.

    Nothing of size ``n`` is made: ten billion positions cost no more than ten.

    Parameters
    ----------
    n : int
        How many indices there are.
    k : int
        How many to draw.
    replacement : bool
        Draw each regardless of the others. Otherwise none comes again before all have come.
    rng : torch.Generator, optional
        Draws; None for torch's global generator.

    Returns
    -------
    Tensor
        int64, shape ``(k,)``.

    Raises
    ------
    ConfigurationError
        If there is nothing to draw from, or ``k`` is negative.
    """
    if k < 0 or (n < 1 and k > 0):
        raise ConfigurationError(
            message("Indices are drawn from some.", expected="n >= 1 and k >= 0", got=f"n={n}, k={k}")
        )
    if k == 0:
        return torch.empty(0, dtype=torch.int64)
    if replacement:
        return torch.randint(n, (k,), generator=rng)
    seed = int(torch.randint(1 << 62, (), generator=rng))
    return torch.from_numpy(ShuffledOrder(n, seed).indices(0, np.arange(k, dtype=np.int64)))


def _asked(
    array_info: Arrays | None,
    question: Callable[[Sequence[int]], bool],
    summary: Callable[[Iterable[Any]], bool] | None,
) -> bool | dict[str, Any]:
    if not array_info:
        return False
    if "shape" in array_info:
        return question(array_info["shape"])
    answers = {name: _asked(array, question, None) for name, array in array_info.items()}
    return answers if summary is None else summary(answers.values())
