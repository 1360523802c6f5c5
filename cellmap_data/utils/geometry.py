"""Boxes in world space, ``{axis: (lo, hi)}`` in nm, as ``bounding_box`` and ``sampling_box`` give them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from cellmap_data.config import check_finite
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial import nearest_voxel

BoxLike: TypeAlias = Mapping[str, tuple[float, float]]
AxisBox: TypeAlias = dict[str, tuple[float, float]]


def box_intersection(a: BoxLike, b: BoxLike) -> AxisBox | None:
    """What two boxes share, along the axes that both have.

    Parameters
    ----------
    a, b : mapping
        ``{axis: (lo, hi)}`` in nm.

    Returns
    -------
    dict or None
        The common box, in the order of the axes of ``a``. None when there is none: boxes that only touch
        share nothing, but a single place, where lo equals hi, may lie on the border of the other box.

    Raises
    ------
    ConfigurationError
        If an edge is NaN.
    """
    _refuse_nan(a, b)
    shared: AxisBox = {}
    for axis in (axis for axis in a if axis in b):
        (a_lo, a_hi), (b_lo, b_hi) = a[axis], b[axis]
        lo, hi = max(a_lo, b_lo), min(a_hi, b_hi)
        only_touch = lo == hi and a_lo < a_hi and b_lo < b_hi
        if lo > hi or only_touch:
            return None
        shared[axis] = (lo, hi)
    return shared or None


def box_union(a: BoxLike, b: BoxLike) -> AxisBox:
    """The smallest box around two boxes.

    Parameters
    ----------
    a, b : mapping
        ``{axis: (lo, hi)}`` in nm.

    Returns
    -------
    dict
        The axes of ``a``, then those that only ``b`` has. An axis that one box lacks is as in the other.

    Raises
    ------
    ConfigurationError
        If an edge is NaN.
    """
    _refuse_nan(a, b)
    around = dict(a)
    for axis, (lo, hi) in b.items():
        a_lo, a_hi = around.get(axis, (lo, hi))
        around[axis] = (min(a_lo, lo), max(a_hi, hi))
    return around


def box_shape(box: BoxLike, scale: Mapping[str, float]) -> dict[str, int]:
    """How many voxels a box holds along each axis.

    Parameters
    ----------
    box : mapping
        ``{axis: (lo, hi)}`` in nm.
    scale : mapping
        ``{axis: voxel size in nm}``.

    Returns
    -------
    dict
        ``{axis: voxels}``, at least 1; half a voxel does not count.

    Raises
    ------
    ConfigurationError
        If an axis of the box has no voxel size above 0, or an edge is NaN or infinite.
    """
    for lo_hi in zip(*box.values(), strict=True):
        check_finite(dict(zip(box, lo_hi, strict=True)), "A box that is counted in voxels has an end.")
    without = [axis for axis in box if not scale.get(axis, 0) > 0]
    if without:
        raise ConfigurationError(
            message(
                "A box is counted in voxels of some size.",
                expected=f"a scale above 0 along {', '.join(without)}",
                got=dict(scale),
            )
        )
    return {axis: max(1, nearest_voxel((hi - lo) / scale[axis])) for axis, (lo, hi) in box.items()}


def _refuse_nan(*boxes: BoxLike) -> None:
    """ConfigurationError for an edge that is nowhere; one at infinity may be."""
    for box in boxes:
        if any(math.isnan(edge) for edges in box.values() for edge in edges):
            rule = "An edge of a box is a place."
            raise ConfigurationError(message(rule, expected="nm, which may be infinite", got=dict(box)))
