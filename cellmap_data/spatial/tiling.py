"""Tiles: few enough to be disjoint where they can be, enough to leave no hole.

Both kinds are lazy sequences: nothing is stored per tile, and there may be 10^12 of them. Where a length is
no multiple of a tile's, the last tile is shifted inward: it lies inside and overlaps the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Shape, VoxelBox


def check_position(i: int, size: int) -> None:
    """IndexError unless there is such a position; negative ones are not counted from the end."""
    if not 0 <= i < size:
        raise IndexError(message("There is no such position.", expected=f"0 <= index < {size}", got=int(i)))


def place_of(i: int, counts: Shape) -> Shape:
    """The place along z, y, x of the ``i``-th of so many, in C order."""
    rest, x = divmod(int(i), counts[2])
    z, y = divmod(rest, counts[1])
    return z, y, x


def number_of(place: Shape, counts: Shape) -> int:
    """The inverse of :func:`place_of`."""
    z, y, x = place
    return (z * counts[1] + y) * counts[2] + x


@dataclass(frozen=True, slots=True)
class Tiling(Sequence[int]):
    """Those positions of a grid whose patches cover all that the patches of all positions cover.

    Attributes
    ----------
    counts : Shape
        Positions of the grid per axis.
    stride : Shape
        Positions from one tile to the next, at least 1: no more than a patch is long, or there are holes.
    """

    counts: Shape
    stride: Shape

    def __post_init__(self) -> None:
        _check("The stride of tiles", self.stride)

    @property
    def tiles(self) -> Shape:
        """Tiles per axis: none where there is no position."""
        z, y, x = (-(-(n - 1) // m) + 1 if n else 0 for n, m in zip(self.counts, self.stride, strict=True))
        return z, y, x

    @property
    def size(self) -> int:
        """The number of tiles, of any magnitude (``len`` ends at 2**63)."""
        return math.prod(self.tiles)

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, i: int) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> list[int]: ...
    def __getitem__(self, i: int | slice) -> int | list[int]:
        """The position of tile ``i``, in C order; a slice gives a list; IndexError where there is no tile."""
        if isinstance(i, slice):
            return [self[k] for k in range(self.size)[i]]
        z, y, x = place_of(range(self.size)[i], self.tiles)
        (mz, my, mx), (nz, ny, nx) = self.stride, self.counts
        return number_of((min(z * mz, nz - 1), min(y * my, ny - 1), min(x * mx, nx - 1)), self.counts)


@dataclass(frozen=True, slots=True)
class Blocks(Sequence[VoxelBox]):
    """An array cut into blocks: each voxel lies in exactly one, those at the upper edges are clipped.

    Attributes
    ----------
    shape : Shape
        Voxels of the array.
    block : Shape
        Voxels of a block.
    """

    shape: Shape
    block: Shape

    def __post_init__(self) -> None:
        _check("A block", self.block)

    @property
    def counts(self) -> Shape:
        """Blocks per axis."""
        z, y, x = (-(-n // b) for n, b in zip(self.shape, self.block, strict=True))
        return z, y, x

    @property
    def size(self) -> int:
        """The number of blocks, of any magnitude (``len`` ends at 2**63)."""
        return math.prod(self.counts)

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, i: int) -> VoxelBox: ...
    @overload
    def __getitem__(self, i: slice) -> list[VoxelBox]: ...
    def __getitem__(self, i: int | slice) -> VoxelBox | list[VoxelBox]:
        """Block ``i``, in C order, clipped to the array; IndexError where there is none."""
        if isinstance(i, slice):
            return [self[k] for k in range(self.size)[i]]
        (z, y, x), (bz, by, bx) = place_of(range(self.size)[i], self.counts), self.block
        lo, (nz, ny, nx) = (z * bz, y * by, x * bx), self.shape
        return VoxelBox(lo, (min(lo[0] + bz, nz), min(lo[1] + by, ny), min(lo[2] + bx, nx)))

    def number_at(self, voxel: Shape) -> int:
        """The number of the block that holds a voxel of the array."""
        z, y, x = (v // b for v, b in zip(voxel, self.block, strict=True))
        return number_of((z, y, x), self.counts)


def _check(what: str, lengths: Shape) -> None:
    if min(lengths) < 1:
        raise ConfigurationError(
            message(f"{what} must be positive.", expected="at least 1 along z, y, x", got=lengths)
        )
