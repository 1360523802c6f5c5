"""The compiled loops over a patch.

Each kernel walks the patch ``out`` in C order. Its voxel (i, j, k) lies at ``matrix @ (i, j, k) + offset`` in
``block``, in float64: a thousandth of a voxel must survive coordinates of many thousands. Along a row, the
voxels that need no look at the borders of the block form a run. It is found once per row and read through
the flat block by unsigned indices (signed ones would each be tested for being negative).
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.compiling import compiled
from cellmap_data.spatial import frame

Array: TypeAlias = npt.NDArray[Any]
Place: TypeAlias = tuple[float, float, float]

_ONE = np.uintp(1)
TIE = 0.5 + frame.TOLERANCE


_round_up = compiled(frame.round_up)


@compiled
def nearest_index(x: float) -> int:
    """The voxel nearest to an index; ties go down."""
    return _round_up(x - 0.5)


@compiled
def row_start(matrix: Array, offset: Array, i: int, j: int) -> Place:
    """Where row (i, j) of the patch begins."""
    return (
        offset[0] + matrix[0, 0] * i + matrix[0, 1] * j,
        offset[1] + matrix[1, 0] * i + matrix[1, 1] * j,
        offset[2] + matrix[2, 0] * i + matrix[2, 1] * j,
    )


@compiled
def _run(start: float, step: float, count: int, low: float, high: float) -> tuple[int, int]:
    """The k in 0 .. count - 1 with low < start + k step < high; perhaps without the outermost ones."""
    low, high = low + 1e-6, high - 1e-6  # so that no error of arithmetic leads out of the block
    if low >= high:
        return 0, 0
    if abs(step) * count < 1e-9:
        return (0, count) if low < start < high else (0, 0)
    a, b = (low - start) / step, (high - start) / step
    first = min(max(math.ceil(min(a, b)), 0.0), float(count))
    end = min(max(math.floor(max(a, b)) + 1.0, first), float(count))
    return int(first), int(end)


@compiled
def _inner_run(shape: frame.Shape, row: Place, matrix: Array, count: int, rim: float) -> tuple[int, int]:
    """The run of a row whose coordinates lie more than ``rim`` within the centres of the outermost voxels."""
    first, end = 0, count
    for axis in range(3):
        a, b = _run(row[axis], matrix[axis, 2], count, rim, shape[axis] - 1 - rim)
        first, end = max(first, a), min(end, b)
    return first, end


@compiled
def nearest(block: Array, matrix: Array, offset: Array, fill: Any, out: Array) -> None:
    """The voxel of ``block`` nearest to each voxel of ``out``; ``fill`` where that lies outside."""
    nz, ny, nx = block.shape
    flat = block.ravel()
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row = row_start(matrix, offset, i, j)
            first, end = _inner_run(block.shape, row, matrix, out.shape[2], -0.49)
            # Within the run nearest_index is spelt out by truncation, which is a third faster. That rounds up
            # only what is negative, so the run counts down from the far corner, (nz, ny, nx).
            far = row[0] - TIE - nz, row[1] - TIE - ny, row[2] - TIE - nx
            corner = (nz * ny + ny) * nx + nx
            for k in range(first, end):
                z = np.intp(far[0] + matrix[0, 2] * k)
                y = np.intp(far[1] + matrix[1, 2] * k)
                x = np.intp(far[2] + matrix[2, 2] * k)
                out[i, j, k] = flat[np.uintp(corner + (z * ny + y) * nx + x)]
            for rest in range(out.shape[2] - (end - first)):
                k = rest if rest < first else rest + (end - first)
                a = nearest_index(row[0] + matrix[0, 2] * k)
                b = nearest_index(row[1] + matrix[1, 2] * k)
                c = nearest_index(row[2] + matrix[2, 2] * k)
                if 0 <= a < nz and 0 <= b < ny and 0 <= c < nx:
                    out[i, j, k] = block[a, b, c]
                else:
                    out[i, j, k] = fill


@compiled
def linear(block: Array, matrix: Array, offset: Array, fill: float, half: float, out: Array) -> None:
    """The interpolation of the eight voxels around each voxel of ``out``.

    ``half`` is added: 0.5 where ``out`` truncates what it is given, so that it rounds.
    """
    _, ny, nx = block.shape
    flat = block.ravel()
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row = row_start(matrix, offset, i, j)
            first, end = _inner_run(block.shape, row, matrix, out.shape[2], 0.0)
            for k in range(out.shape[2]):
                z = row[0] + matrix[0, 2] * k
                y = row[1] + matrix[1, 2] * k
                x = row[2] + matrix[2, 2] * k
                value = np.nan
                if first <= k < end:
                    a, b, c = np.intp(z), np.intp(y), np.intp(x)
                    corner = np.uintp((a * ny + b) * nx + c)
                    value = eight(flat, corner, np.uintp(ny * nx), np.uintp(nx), z - a, y - b, x - c)
                if value != value:  # at the rim of the block, or beside a NaN
                    value = valid_part(block, z, y, x, fill)
                out[i, j, k] = value + half


@compiled
def eight(flat: Array, corner: Any, plane: Any, line: Any, z: float, y: float, x: float) -> float:
    """Interpolate at (z, y, x) from the ``corner`` of eight voxels, all of which exist."""
    near = _between(_pair(flat, corner, x), _pair(flat, corner + line, x), y)
    far = _between(_pair(flat, corner + plane, x), _pair(flat, corner + plane + line, x), y)
    return _between(near, far, z)


@compiled
def _pair(flat: Array, at: Any, x: float) -> float:
    return _between(np.float64(flat[at]), np.float64(flat[at + _ONE]), x)


@compiled
def _between(low: float, high: float, part: float) -> float:
    return low + (high - low) * part


@compiled
def valid_part(block: Array, z: float, y: float, x: float, fill: float) -> float:
    """Interpolate between those neighbours that exist and are no NaN, if the nearest is one of them."""
    nz, ny, nx = block.shape
    a, b, c = nearest_index(z), nearest_index(y), nearest_index(x)
    if not (0 <= a < nz and 0 <= b < ny and 0 <= c < nx):
        return fill
    if block[a, b, c] != block[a, b, c]:
        return np.nan
    total, weight = 0.0, 0.0
    a, b, c = math.floor(z), math.floor(y), math.floor(x)
    for p in range(max(a, 0), min(a + 2, nz)):
        for q in range(max(b, 0), min(b + 2, ny)):
            for r in range(max(c, 0), min(c + 2, nx)):
                share = (1 - abs(z - p)) * (1 - abs(y - q)) * (1 - abs(x - r))
                value = block[p, q, r]
                if share > 0 and value == value:
                    total += share * value
                    weight += share
    return total / weight


@compiled
def outside(shape: frame.Shape, matrix: Array, offset: Array, out: Array) -> None:
    """Whether the nearest voxel lies outside a block of that ``shape``, as a mask."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row = row_start(matrix, offset, i, j)
            for k in range(out.shape[2]):
                z = nearest_index(row[0] + matrix[0, 2] * k)
                y = nearest_index(row[1] + matrix[1, 2] * k)
                x = nearest_index(row[2] + matrix[2, 2] * k)
                out[i, j, k] = not (0 <= z < shape[0] and 0 <= y < shape[1] and 0 <= x < shape[2])
