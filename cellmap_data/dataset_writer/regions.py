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

from cellmap_data.dataset_writer.outputs import Frame
from cellmap_data.dataset_writer.positions import check_position
from cellmap_data.errors import message
from cellmap_data.spatial import Blocks, Shape, Tiles, VoxelBox


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

    def count(self, region: int) -> int:
        """How many tiles a region needs."""
        return sum(math.prod(self.tiles(region, plane).shape) for plane in range(len(self.planes)))

    @property
    def repeated(self) -> float:
        """How often a tile is predicted, on average."""
        needed = sum(math.prod(self._needed(tiles, axis) for axis in range(3)) for tiles in self.planes)
        return needed / sum(tiles.size for tiles in self.planes)

    def _needed(self, tiles: Tiles, axis: int) -> int:
        """The tiles along one axis, those that several regions need counted for each."""
        n, r = self.frame.lattice.shape[axis], self.region[axis]
        along = [
            _one_axis(tiles, axis).touching(VoxelBox((0, 0, lo), (1, 1, min(lo + r, n))))
            for lo in range(0, n, r)
        ]
        return sum(box.shape[2] for box in along)

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
    """The voxels of a region: as many as the window holds, in whole units.

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
        Grown where it saves most: along the axis on which the most would be predicted twice.
    """
    shape = planes[0].shape
    most = [-(-n // u) * u for n, u in zip(shape, unit, strict=True)]
    region = list(unit)

    def fits(candidate: Sequence[int]) -> bool:
        return math.prod(min(r, n) for r, n in zip(candidate, shape, strict=True)) * voxel_bytes <= window

    for axis in range(3):  # whole tiles too, where that needs no overlap: none is then predicted twice
        step = math.lcm(unit[axis], *(tiles.patch[axis] for tiles in planes))
        whole = [*region[:axis], min(step, most[axis]), *region[axis + 1 :]]
        if not any(tiles.overlap[axis] for tiles in planes) and fits(whole):
            region = whole
    steps = tuple(region)
    while True:
        wider = [
            [*region[:axis], min(region[axis] + steps[axis], most[axis]), *region[axis + 1 :]]
            for axis in _worst_first(planes, region)
            if region[axis] < most[axis]
        ]
        better = next(filter(fits, wider), None)
        if better is None:
            return region[0], region[1], region[2]
        region = better


def _worst_first(planes: Sequence[Tiles], region: Sequence[int]) -> list[int]:
    """The axes, that first along which the largest share is predicted twice; of equal ones the shortest."""
    overlap = [max(tiles.overlap[axis] for tiles in planes) for axis in range(3)]
    return sorted(range(3), key=lambda axis: (-overlap[axis] / region[axis], region[axis]))


def _one_axis(tiles: Tiles, axis: int) -> Tiles:
    return Tiles((1, 1, tiles.shape[axis]), (1, 1, tiles.patch[axis]), (0, 0, tiles.overlap[axis]))
