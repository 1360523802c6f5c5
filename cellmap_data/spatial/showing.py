"""Which positions of a grid show a stored voxel: by arithmetic, for any number of voxels at once."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial.frame import TOLERANCE, Shape, VoxelBox, same_voxel_size
from cellmap_data.spatial.grid import Grid
from cellmap_data.spatial.lattice import Source

Places: TypeAlias = npt.NDArray[np.int64]

_MARGIN = 1e-6
"""Voxels: a place this close to where a voxel comes into sight counts as one that does not show it."""


def positions_showing(grid: Grid, source: Source, voxels: Places) -> tuple[Places, Places]:
    """The positions whose unmoved patch of ``source``, if it takes nearest voxels, holds a stored voxel.

    True for all of them where the patch's voxels are as large as the stored ones, or smaller. Of larger ones
    the nearest stored voxels are taken and others left out, this one perhaps among them: then its place is
    in the patch.

    Parameters
    ----------
    grid : Grid
        The positions.
    source : Source
        The stored level and the patch asked of it.
    voxels : ndarray of int64
        Indices z, y, x of the stored level, [n, 3].

    Returns
    -------
    first, count : ndarray of int64
        Of each voxel and axis [n, 3], the first place along the axis and how many there are: the positions
        are all their combinations, none where a count is 0.
    """
    first, count = np.empty_like(voxels), np.empty_like(voxels)
    for axis in range(3):
        t, s, half = _sight(source, axis)
        begin, step = grid.first[axis], grid.step[axis]
        middle = t + (voxels[:, axis] + TOLERANCE) * s - begin
        low = np.floor((middle - half + _MARGIN * s) / step).astype(np.int64) + 1
        high = np.floor((middle + half - _MARGIN * s) / step).astype(np.int64)
        first[:, axis] = np.maximum(low, 0)
        count[:, axis] = np.maximum(np.minimum(high, grid.counts[axis] - 1) - first[:, axis] + 1, 0)
    return first, count


def voxels_shown(grid: Grid, source: Source) -> VoxelBox:
    """The stored voxels between the first and the last that the patch of some position holds."""
    if not grid.size:
        return VoxelBox((0, 0, 0), (0, 0, 0))
    lo, hi = [], []
    for axis in range(3):
        t, s, half = _sight(source, axis)
        begin = grid.first[axis] - t
        end = begin + (grid.counts[axis] - 1) * grid.step[axis]
        lo.append(math.ceil((begin - half) / s - TOLERANCE))
        hi.append(math.ceil((end + half) / s - TOLERANCE))
    low: Shape = (lo[0], lo[1], lo[2])
    return VoxelBox(low, (hi[0], hi[1], hi[2])).clipped(source.lattice.shape)


def _sight(source: Source, axis: int) -> tuple[float, float, float]:
    """Centre of the first stored voxel, its size, and how far from its centre a patch still shows it, nm."""
    t, s = source.lattice.origin[axis], source.lattice.voxel[axis]
    v, P = source.patch.voxel[axis], source.patch.shape[axis]  # noqa: N806
    v = s if same_voxel_size(v, s, P) else v
    return t, s, (P - 1) / 2 * v + s / 2
