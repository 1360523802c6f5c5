"""Compiled loops over a bent patch; see :mod:`cellmap_data.spatial.kernels`.

Its voxel (i, j, k) lies at ``matrix @ (i, j, k) + offset + bend @ field[:, i, j, k]`` in ``block``: the
field is a displacement in nm, ``bend`` takes nm to voxels of the block. The places of a row are worked out
first, in a loop without branches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cellmap_data.compiling import compiled
from cellmap_data.spatial.kernels import TIE, Array, eight, row_start, valid_part


@compiled
def _places(matrix: Array, offset: Array, bend: Array, field: Array, i: int, j: int, out: Array) -> None:
    """Where the voxels of row (i, j) lie, [3, X]."""
    row = row_start(matrix, offset, i, j)
    dz, dy, dx = field[0, i, j], field[1, i, j], field[2, i, j]
    for axis in range(3):
        start, step, a, b, c = row[axis], matrix[axis, 2], bend[axis, 0], bend[axis, 1], bend[axis, 2]
        for k in range(out.shape[1]):
            out[axis, k] = start + step * k + a * dz[k] + b * dy[k] + c * dx[k]


@compiled
def nearest(
    block: Array, matrix: Array, offset: Array, bend: Array, field: Array, fill: Any, out: Array
) -> None:
    """The voxel of ``block`` nearest to each voxel of ``out``; ``fill`` where that lies outside."""
    nz, ny, nx = block.shape
    flat, place = block.ravel(), np.empty((3, out.shape[2]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            _places(matrix, offset, bend, field, i, j, place)
            for k in range(out.shape[2]):
                # nearest_index spelt out: counted down from the far corner, truncation rounds as it does.
                z, y, x = nz + TIE - place[0, k], ny + TIE - place[1, k], nx + TIE - place[2, k]
                if 1 <= z < nz + 1 and 1 <= y < ny + 1 and 1 <= x < nx + 1:
                    a, b, c = nz - np.intp(z), ny - np.intp(y), nx - np.intp(x)
                    out[i, j, k] = flat[np.uintp((a * ny + b) * nx + c)]
                else:
                    out[i, j, k] = fill


@compiled
def linear(
    block: Array,
    matrix: Array,
    offset: Array,
    bend: Array,
    field: Array,
    fill: float,
    half: float,
    out: Array,
) -> None:
    """The interpolation of eight voxels at each voxel of ``out``; ``half`` as in ``kernels.linear``."""
    nz, ny, nx = block.shape
    flat, place = block.ravel(), np.empty((3, out.shape[2]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            _places(matrix, offset, bend, field, i, j, place)
            for k in range(out.shape[2]):
                z, y, x = place[0, k], place[1, k], place[2, k]
                value = np.nan
                if 0 <= z < nz - 1 and 0 <= y < ny - 1 and 0 <= x < nx - 1:
                    a, b, c = np.intp(z), np.intp(y), np.intp(x)
                    corner = np.uintp((a * ny + b) * nx + c)
                    value = eight(flat, corner, np.uintp(ny * nx), np.uintp(nx), z - a, y - b, x - c)
                if value != value:  # at the rim of the block, or beside a NaN
                    value = valid_part(block, z, y, x, fill)
                out[i, j, k] = value + half
