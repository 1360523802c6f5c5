"""What is predicted together: regions of an output, and the tiles that each needs.

A region is the unit of work: predicted, blended in memory, written once. The tiles are those of the whole
frame, wherever the regions lie, and a region uses all that reach into it. So what a voxel becomes does not
depend on how the work is divided; a tile that reaches into several regions is predicted for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cellmap_data.dataset_writer.outputs import Frame
from cellmap_data.errors import message
from cellmap_data.spatial import Blocks, Shape, Tiles, VoxelBox, check_position

_HANDY = 1 << 26
"""Bytes of a region, where more would save nothing."""

_CHOICES = 48
"""Lengths of a region that are considered along an axis, at most."""


class Place(NamedTuple):
    """One tile of the work: the region that it is predicted for, how the patch lies, and which tile it is."""

    region: int
    plane: int
    tile: Shape


@dataclass(frozen=True, slots=True)
class Work:
    """Regions, and the tiles that each needs. Tiles are numbered region by region; numbers may be left out.

    Attributes
    ----------
    frame : Frame
        What is predicted.
    planes : tuple of Tiles
        The tiles of the frame, for each way in which the patch lies.
    region : Shape
        Voxels of a region.
    """

    frame: Frame
    planes: tuple[Tiles, ...]
    region: Shape

    @property
    def regions(self) -> Blocks:
        """The regions, in voxels of the frame."""
        return Blocks(self.frame.lattice.shape, self.region)

    @property
    def size(self) -> int:
        """One more than the largest number of a tile."""
        return self.regions.size * len(self.planes) * self._most

    def tiles(self, region: int, plane: int) -> VoxelBox:
        """The places of the tiles that reach into a region."""
        return self.planes[plane].touching(self.regions[region])

    def numbers(self, region: int, plane: int) -> range:
        """The numbers of these tiles."""
        first = (region * len(self.planes) + plane) * self._most
        return range(first, first + math.prod(self.tiles(region, plane).shape))

    def place(self, number: int) -> Place:
        """What a number stands for; IndexError where there is no such tile."""
        check_position(number, self.size)
        which, k = divmod(int(number), self._most)
        region, plane = divmod(which, len(self.planes))
        places = self.tiles(region, plane)
        nz, ny, nx = places.shape
        if k >= nz * ny * nx:
            raise IndexError(
                message(
                    "A region has no such tile.",
                    expected=f"{nz * ny * nx} tiles",
                    got=f"tile {k} of {region}",
                )
            )
        z, y, x = places.lo
        return Place(region, plane, (z + k // (ny * nx), y + k // nx % ny, x + k % nx))

    @property
    def repeated(self) -> float:
        """How often a tile is predicted, on average."""
        needed = sum(
            math.prod(_along(tiles, axis, self.region[axis]) for axis in range(3)) for tiles in self.planes
        )
        return needed / sum(tiles.size for tiles in self.planes)

    @property
    def _most(self) -> int:
        """No region needs more tiles for one way of the patch."""
        return max(
            math.prod(
                min(n, (r + p - 2) // (p - o) + 2)
                for n, r, p, o in zip(tiles.counts, self.region, tiles.patch, tiles.overlap, strict=True)
            )
            for tiles in self.planes
        )


@dataclass(frozen=True, slots=True)
class Batches:
    """The numbers of tiles, batch by batch; a batch is of one region and of one way of the patch.

    So the batches of a region are the same whichever regions were done before: a model that does not give
    quite the same in another batch gives the same here.
    """

    work: Work
    regions: Sequence[int]
    batch_size: int

    def __len__(self) -> int:
        return sum(-(-len(numbers) // self.batch_size) for numbers in self._numbers())

    def __iter__(self) -> Iterator[list[int]]:
        for numbers in self._numbers():
            for first in range(0, len(numbers), self.batch_size):
                yield list(numbers[first : first + self.batch_size])

    def _numbers(self) -> Iterator[range]:
        for region in self.regions:
            for plane in range(len(self.work.planes)):
                yield self.work.numbers(region, plane)


def region_shape(planes: Sequence[Tiles], unit: Shape, voxel_bytes: float, window: int) -> Shape:
    """The voxels of a region: whole units that the window holds, with the fewest tiles predicted twice.

    Parameters
    ----------
    planes : sequence of Tiles
        The tiles of what is predicted.
    unit : Shape
        What is written as one, in voxels of the frame: a chunk or shard.
    voxel_bytes : float
        Memory that a voxel needs.
    window : int
        Memory that there is. A region is never less than a unit.

    Returns
    -------
    Shape
        Of regions that are equally good one of about 64 MiB: enough for threads to share, and small against
        an output, so that most of it is written while the rest is predicted. Of these the most like a cube.
    """
    axes = [_candidates(planes, axis, unit[axis]) for axis in range(3)]
    lengths = np.meshgrid(*([length for length, _ in axis] for axis in axes), indexing="ij")
    repeated = np.prod(np.meshgrid(*([times for _, times in axis] for axis in axes), indexing="ij"), axis=0)
    volume = np.prod([np.minimum(r, n) for r, n in zip(lengths, planes[0].shape, strict=True)], axis=0)
    longest, size = np.max(lengths, axis=0), volume * voxel_bytes
    odd = np.round(np.abs(np.log(size / _HANDY)), 6)
    fits = (size <= window).ravel()
    fits[0] = True  # a unit
    order = np.lexsort((longest.ravel(), odd.ravel(), np.round(repeated.ravel(), 6), ~fits))
    z, y, x = (int(length.ravel()[order[0]]) for length in lengths)
    return z, y, x


def _candidates(planes: Sequence[Tiles], axis: int, unit: int) -> list[tuple[int, float]]:
    """Lengths that a region may have along an axis, and how often it makes a tile be predicted along it."""
    n = planes[0].shape[axis]
    units = -(-n // unit)
    counts = sorted({min(max(round(units ** (k / _CHOICES)), k), units) for k in range(1, _CHOICES + 1)})
    total = sum(tiles.counts[axis] for tiles in planes)
    return [
        (count * unit, sum(_along(tiles, axis, count * unit) for tiles in planes) / total) for count in counts
    ]


def _along(tiles: Tiles, axis: int, length: int) -> int:
    """The tiles along an axis, those that several regions of a length need counted for each."""
    n = tiles.shape[axis]
    line = Tiles((1, 1, n), (1, 1, tiles.patch[axis]), (0, 0, tiles.overlap[axis]))
    parts = ((lo, min(lo + length, n)) for lo in range(0, n, length))
    return sum(line.touching(VoxelBox((0, 0, lo), (1, 1, hi))).shape[2] for lo, hi in parts)
