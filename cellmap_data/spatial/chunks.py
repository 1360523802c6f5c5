"""Stored arrays are read in chunks: how many a patch touches, and how much more is read than is used.

All of it is arithmetic: nothing is listed for each chunk or position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial.frame import Shape, VoxelBox


def chunks_touched(box: VoxelBox, chunk: Shape) -> int:
    """The number of chunks that hold a voxel of a box that is not empty."""
    (az, ay, ax), (bz, by, bx), (cz, cy, cx) = box.lo, box.hi, chunk
    return ((bz - 1) // cz - az // cz + 1) * ((by - 1) // cy - ay // cy + 1) * ((bx - 1) // cx - ax // cx + 1)


def mean_chunks(length: int, patch: int, chunk: int) -> float:
    """The number of chunks that a patch touches along one axis, on average over all places in the array.

    A patch of P voxels touches (P - 1) / C + 1 chunks of C voxels if every place within a chunk is as likely
    as any other; this counts the places that there are, so it is right for small arrays too.

    Parameters
    ----------
    length
        Voxels of the array; a patch that is longer touches all of it.
    patch, chunk
        Voxels of the patch, and of a chunk.
    """
    places = length - min(patch, length) + 1
    last = length - places  # the last voxel of the patch at place 0
    more = _sum_of_quotients(last + places, chunk) - _sum_of_quotients(last, chunk)
    return 1 + (more - _sum_of_quotients(places, chunk)) / places


def _sum_of_quotients(n: int, chunk: int) -> int:
    """The sum of ``k // chunk`` over all k below ``n``."""
    whole, rest = divmod(n, chunk)
    return chunk * whole * (whole - 1) // 2 + rest * whole


@dataclass(frozen=True, slots=True)
class Access:
    """How patches at random places read one stored array.

    Attributes
    ----------
    array : Shape
        Voxels of the array.
    patch : Shape
        Voxels of the patch that come from it.
    block : Shape
        Voxels that are read for them: more if they are averages.
    chunk : Shape
        Voxels that are decoded as a whole.
    itemsize : int
        Bytes of a voxel.
    """

    array: Shape
    patch: Shape
    block: Shape
    chunk: Shape
    itemsize: int

    @property
    def chunks(self) -> float:
        """Chunks that a patch touches, on average."""
        z, y, x = map(mean_chunks, self.array, self.block, self.chunk)
        return z * y * x

    @property
    def nbytes(self) -> float:
        """Bytes that are decoded for a patch, on average; chunks at the edges are stored whole."""
        return self.chunks * math.prod(self.chunk) * self.itemsize

    @property
    def nbytes_used(self) -> int:
        """Bytes of the patch, as they are stored."""
        return math.prod(self.patch) * self.itemsize


def distinct_chunks(places: Shape, patch: Shape, chunk: Shape, count: float) -> float:
    """The number of different chunks that ``count`` patches touch together, on average.

    Parameters
    ----------
    places
        Along each axis, how many places a patch may have; at the first it begins with a chunk. Patches are
        placed independently of each other.
    patch, chunk
        Voxels of a patch, and of a chunk.
    count
        How many patches.
    """
    z, y, x = (_touched(*axis) for axis in zip(places, patch, chunk, strict=True))
    share = z[:, None, None] * y[:, None] * x
    return float((1 - (1 - share) ** count).sum())


def _touched(places: int, patch: int, chunk: int) -> npt.NDArray[np.float64]:
    """The share of places at which a patch touches each of the chunks along one axis."""
    first = np.arange(-(-(places + patch - 1) // chunk)) * chunk
    low, high = np.maximum(first - patch + 1, 0), np.minimum(first + chunk, places)
    share: npt.NDArray[np.float64] = (high - low) / places
    return share
