"""The compiled loop over cells that average voxels; see :mod:`cellmap_data.spatial.kernels`."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from cellmap_data.compiling import compiled
from cellmap_data.spatial.kernels import Array, nearest_index

Under: TypeAlias = tuple[int, int, float, float]
"""The voxels under a cell along one axis, first and end, and the faces of the cell (voxel k: k to k + 1)."""


@compiled
def _under(first: float, step: float, i: int, count: int) -> Under:
    """What lies under cell ``i`` of ``count`` voxels."""
    middle, half = first + i * step, max(step, 1.0) / 2
    low, high = middle - half + 0.5, middle + half + 0.5
    a, b = math.floor(low + 1e-6), math.ceil(high - 1e-6)
    return max(a, 0), min(b, count), low, high


@compiled
def _part(k: int, low: float, high: float) -> float:
    """How much of voxel ``k`` lies between two faces."""
    return min(high, k + 1.0) - max(low, float(k))


@compiled
def average(
    block: Array, first: Array, step: Array, fill: float, half: float, work: Array, out: Array
) -> None:
    """The average of ``block`` over each cell of ``out``; ``half`` as in ``kernels.linear``.

    Voxels that do not exist or are NaN have no part in it; of a cell whose middle is NaN nothing is known. A
    cell without any voxel is ``fill``. One axis is summed at a time: planes under a cell, then their lines,
    then the voxels of a line. ``work`` is memory for a plane and a line, [Y + 1, X], which holds sums.
    """
    nz, ny, nx = block.shape
    firsts, parts, weights = _along(first[2], step[2], out.shape[2], nx)
    for i in range(out.shape[0]):
        under_z = _under(first[0], step[0], i, nz)
        part_z = _planes(block, under_z, work)
        for j in range(out.shape[1]):
            under_y = _under(first[1], step[1], j, ny)
            part_zy = part_z * _lines(under_y, work)
            for k in range(out.shape[2]):
                total, weight = 0.0, weights[k] * part_zy
                for tap in range(parts.shape[1]):
                    total += parts[k, tap] * work[ny, firsts[k] + np.uintp(tap)]
                value = total / weight if weight > 0 else fill
                if value != value and weight > 0:
                    under_x = _under(first[2], step[2], k, nx)
                    value = _valid_part(block, under_z, under_y, under_x)
                out[i, j, k] = value + half


@compiled
def _along(first: float, step: float, cells: int, count: int) -> tuple[Array, Array, Array]:
    """Of each cell along a line of ``count`` voxels: the first under it, their parts, and the sum of these.

    All have as many parts, some of them zero, and none reaches over the end of the line.
    """
    taps = min(math.ceil(max(step, 1.0)) + 1, count)
    firsts, parts, weights = np.zeros(cells, np.uintp), np.zeros((cells, taps)), np.zeros(cells)
    for k in range(cells):
        a, b, low, high = _under(first, step, k, count)
        start = min(a, count - taps)
        firsts[k] = np.uintp(max(start, 0))
        for x in range(a, b):
            parts[k, x - start] = _part(x, low, high)
            weights[k] += parts[k, x - start]
    return firsts, parts, weights


@compiled
def _planes(block: Array, under: Under, work: Array) -> float:
    """Add up the planes under a cell; how many there are, counting parts."""
    a, b, low, high = under
    _, ny, nx = block.shape
    work[:ny] = 0
    weight = 0.0
    for z in range(a, b):
        part = work.dtype.type(_part(z, low, high))
        weight += part
        for y in range(ny):
            for x in range(nx):
                work[y, x] += part * block[z, y, x]
    return weight


@compiled
def _lines(under: Under, work: Array) -> float:
    """Add up the lines of the plane under a cell; how many there are, counting parts."""
    a, b, low, high = under
    ny, nx = work.shape[0] - 1, work.shape[1]
    work[ny] = 0
    weight = 0.0
    for y in range(a, b):
        part = work.dtype.type(_part(y, low, high))
        weight += part
        for x in range(nx):
            work[ny, x] += part * work[y, x]
    return weight


@compiled
def _valid_part(block: Array, under_z: Under, under_y: Under, under_x: Under) -> float:
    """The average of those voxels under a cell that are no NaN, if the one in the middle is among them."""
    a, b, c = _middle(under_z), _middle(under_y), _middle(under_x)
    if block[a, b, c] != block[a, b, c]:
        return np.nan
    total, weight = 0.0, 0.0
    for z in range(under_z[0], under_z[1]):
        for y in range(under_y[0], under_y[1]):
            for x in range(under_x[0], under_x[1]):
                value = block[z, y, x]
                if value == value:
                    part = _part(z, under_z[2], under_z[3]) * _part(y, under_y[2], under_y[3])
                    part *= _part(x, under_x[2], under_x[3])
                    total += part * value
                    weight += part
    return total / weight


@compiled
def _middle(under: Under) -> int:
    """The voxel nearest to the middle of a cell; the last that exists, of a cell that sticks out."""
    a, b, low, high = under
    return min(max(nearest_index((low + high) / 2 - 0.5), a), b - 1)
