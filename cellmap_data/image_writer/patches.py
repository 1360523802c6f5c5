"""Patches as users hand them over."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cellmap_data.config import named
from cellmap_data.errors import ConfigurationError, message


def as_array(values: Any) -> npt.NDArray[Any]:
    """A tensor on any device, or anything numpy takes, as an array; bfloat16 as float32.

    Raises
    ------
    ConfigurationError
        If it holds anything but real numbers.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ConfigurationError(
            message("Values are real numbers.", expected="bool, integers or floats", got=named(values))
        )
    return array


def fitted(values: npt.NDArray[Any], whole: tuple[int, ...], clipped: tuple[int, ...]) -> npt.NDArray[Any]:
    """A patch in the shape it should have; axes of length 1 may be missing or too many.

    Parameters
    ----------
    values : ndarray
        What was handed over.
    whole, clipped : tuple of int
        The shape of the whole patch, and of what of it lies inside the array: either will do.

    Raises
    ------
    ConfigurationError
        If it has another shape.
    """
    if values.shape in (whole, clipped):
        return values
    long = _long(values.shape)
    for shape in (whole, clipped):
        if values.ndim and long == _long(shape):
            return values.reshape(shape)
    raise ConfigurationError(
        message("A patch does not have the shape of what is written.", expected=whole, got=values.shape)
    )


def _long(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]
