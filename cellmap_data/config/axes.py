"""The order in which users give a number for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellmap_data.errors import ConfigurationError, message

AXES = "zyx"
"""The space axes, in the order in which everything inside counts them."""


def axes_of(axis_order: str, length: int) -> str:
    """The axes that as many values belong to: all, or for two values those of the plane.

    Raises
    ------
    ConfigurationError
        If there is no such number of axes.
    """
    axes = axis_order if length == len(AXES) else axis_order.replace("z", "")
    if len(axes) != length or sorted(axis_order) not in (["x", "y", "z"], ["x", "y"]):
        raise ConfigurationError(
            message(
                "The axes do not go with the shape and scale.",
                expected="two or three of z, y, x in some order, and as many numbers",
                got=f"{axis_order!r} for {length} numbers",
            )
        )
    return axes


def in_zyx(values: Sequence[Any], axis_order: str) -> list[Any]:
    """Values along the axes of ``axis_order``, in z, y, x order; ConfigurationError as of :func:`axes_of`."""
    axes = axes_of(axis_order, len(values))
    return [values[axes.index(axis)] for axis in AXES if axis in axes]
