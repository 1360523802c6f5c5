"""Patches that cover an array, for what is made patch by patch: where each lies, which voxels it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Shape, VoxelBox
from cellmap_data.spatial.tiling import place_of


@dataclass(frozen=True, slots=True)
class Tiles:
    """Patches of one size over all of an array, in C order; arithmetic, however many there are.

    Without overlap the tiles are the blocks of the array: each voxel is given by exactly one. A patch at the
    upper edge is moved into the array, and gives only what is left of its block. With overlap the patches lie
    ``patch - overlap`` apart, the last one again moved into the array, and each gives all of itself: a voxel
    is given by several. Along an axis that is shorter than the patch there is one, with the array in its
    middle as a padded position of a dataset has it.

    Attributes
    ----------
    shape : Shape
        Voxels of the array.
    patch : Shape
        Voxels of a patch.
    overlap : Shape
        Voxels that neighbours have in common at least.
    """

    shape: Shape
    patch: Shape
    overlap: Shape = (0, 0, 0)

    def __post_init__(self) -> None:
        faults = min(self.shape) < 1 or min(self.patch) < 1 or min(self.overlap) < 0
        if faults or any(o >= p for o, p in zip(self.overlap, self.patch, strict=True)):
            raise ConfigurationError(
                message(
                    "Tiles must cover an array and move on.",
                    expected="lengths >= 1 along z, y, x, and 0 <= overlap < patch",
                    got=f"array {self.shape}, patch {self.patch}, overlap {self.overlap}",
                )
            )

    @property
    def counts(self) -> Shape:
        """Tiles per axis."""
        z, y, x = (
            -(-max(n - o, 1) // (p - o)) for n, p, o in zip(self.shape, self.patch, self.overlap, strict=True)
        )
        return z, y, x

    @property
    def size(self) -> int:
        """The number of tiles, of any magnitude."""
        return math.prod(self.counts)

    def patch_of(self, place: Shape) -> VoxelBox:
        """Where the patch of a tile lies; it sticks out where the array is shorter than the patch."""
        z, y, x = (self._start(axis, place[axis]) for axis in range(3))
        return VoxelBox((0, 0, 0), self.patch).shifted((z, y, x))

    def part_of(self, place: Shape) -> VoxelBox:
        """The voxels of the array that a tile gives."""
        (az, bz), (ay, by), (ax, bx) = (self._part(axis, place[axis]) for axis in range(3))
        return VoxelBox((az, ay, ax), (bz, by, bx))

    def touching(self, box: VoxelBox) -> VoxelBox:
        """The places, a box of them, of the tiles that give any voxel of a box that is not empty."""
        (az, bz), (ay, by), (ax, bx) = (self._touching(axis, box.lo[axis], box.hi[axis]) for axis in range(3))
        return VoxelBox((az, ay, ax), (bz, by, bx))

    def place(self, i: int) -> Shape:
        """The place along z, y, x of tile ``i``."""
        return place_of(i, self.counts)

    def _start(self, axis: int, k: int) -> int:
        n, p, o = self.shape[axis], self.patch[axis], self.overlap[axis]
        return min(k * (p - o), n - p) if p <= n else -((p - n + 1) // 2)

    def _part(self, axis: int, k: int) -> tuple[int, int]:
        n, p, o = self.shape[axis], self.patch[axis], self.overlap[axis]
        first = self._start(axis, k) if o else k * p
        return max(first, 0), min(first + p, n)

    def _touching(self, axis: int, lo: int, hi: int) -> tuple[int, int]:
        p, o, last = self.patch[axis], self.overlap[axis], self.counts[axis] - 1
        step = p - o
        first = min(max((lo - p) // step + 1, 0), last)  # of those that lie on the steps; the last may not
        end = min((hi - 1) // step, last)
        return first, (last if self._part(axis, last)[0] < hi else end) + 1
