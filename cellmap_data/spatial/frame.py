"""The one frame of coordinates, and the one rule by which a place becomes a voxel.

Positions are NGFF world coordinates in nm, in z, y, x order. The translation ``t`` of a stored level is the
*centre* of its first voxel: voxel ``k`` of size ``s`` covers ``t + (k - 1/2) s`` to ``t + (k + 1/2) s``.
A patch of ``P`` voxels is named by the middle ``c`` of the space it covers: its first voxel is centred at
``c - (P - 1) s / 2``, at index ``(c - t) / s - P/2 + 1/2``.

A place between two voxels must be given to one of them. :func:`round_up` is the only function that does so:
ties go down, and a thousandth of a voxel absorbs the error of floating point arithmetic. Everything else that
rounds calls it, or spells it out with the same tolerance where a compiled loop cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

Vec: TypeAlias = tuple[float, float, float]
"""One number per axis, z y x; nm unless the name says otherwise."""

Shape: TypeAlias = tuple[int, int, int]
"""Voxels per axis, z y x."""

TOLERANCE = 1e-3
"""Voxels: places closer than this are the same place."""

SIZE_TOLERANCE = 1e-2
"""Voxels: two voxel sizes are equal when a whole patch drifts by less than this."""


def round_up(x: float) -> int:
    """The first integer at or above ``x``, which may miss one by :data:`TOLERANCE`."""
    return math.ceil(x - TOLERANCE)


def round_down(x: float) -> int:
    """The last integer at or below ``x``: :func:`round_up` seen from the other side."""
    return -round_up(-x)


def nearest_voxel(x: float) -> int:
    """The voxel whose centre is nearest to the index ``x``; ties go down."""
    return round_up(x - 0.5)


def first_voxel(c: float, t: float, s: float, P: int) -> int:  # noqa: N803 (the field's letter)
    """The first of the ``P`` voxels of a patch along one axis.

    Parameters
    ----------
    c : float
        Middle of the space the patch covers, nm.
    t : float
        Centre of the first voxel stored, nm.
    s : float
        Voxel size, nm.
    P : int
        Voxels of the patch.

    Returns
    -------
    int
        An index into the stored array; negative, or beyond its end, where the patch sticks out.
    """
    return round_up((c - t) / s - P / 2)


def edge_index(x: float, t: float, s: float) -> int:
    """The first voxel centred at or after the edge ``x`` of a box; ``t``, ``s`` as in :func:`first_voxel`.

    A box (lo, hi) holds the voxels ``edge_index(lo) .. edge_index(hi) - 1``, whether its edges lie on the
    borders of voxels or, as in files of older tools, on their centres.
    """
    return round_up((x - t) / s)


def same_voxel_size(s: float, other: float, P: int) -> bool:  # noqa: N803
    """Whether two voxel sizes (nm) are the same for a patch of ``P`` voxels: it drifts by < 0.01 voxel."""
    return abs(s / other - 1) * P < SIZE_TOLERANCE


@dataclass(frozen=True, slots=True)
class Box:
    """A closed box in world space, nm."""

    lo: Vec
    hi: Vec

    @property
    def centre(self) -> Vec:
        """The middle of the box, nm."""
        (az, ay, ax), (bz, by, bx) = self.lo, self.hi
        return (az + bz) / 2, (ay + by) / 2, (ax + bx) / 2

    @property
    def extent(self) -> Vec:
        """The edge lengths of the box, nm."""
        (az, ay, ax), (bz, by, bx) = self.lo, self.hi
        return bz - az, by - ay, bx - ax

    @classmethod
    def around(cls, centre: Vec, extent: Vec) -> Box:
        """The box of that extent about that centre, both nm."""
        (cz, cy, cx), (ez, ey, ex) = centre, extent
        return cls((cz - ez / 2, cy - ey / 2, cx - ex / 2), (cz + ez / 2, cy + ey / 2, cx + ex / 2))

    def contains(self, other: Box, slack: Vec = (0.0, 0.0, 0.0)) -> bool:
        """Whether ``other`` lies inside, or sticks out by no more than ``slack`` (nm)."""
        return all(
            lo - e <= other_lo and other_hi <= hi + e
            for lo, hi, other_lo, other_hi, e in zip(self.lo, self.hi, other.lo, other.hi, slack, strict=True)
        )


@dataclass(frozen=True, slots=True)
class VoxelBox:
    """A half-open box of voxels of one array."""

    lo: Shape
    hi: Shape

    @property
    def shape(self) -> Shape:
        """Voxels per axis."""
        (az, ay, ax), (bz, by, bx) = self.lo, self.hi
        return bz - az, by - ay, bx - ax

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index into its array."""
        (az, ay, ax), (bz, by, bx) = self.lo, self.hi
        return slice(az, bz), slice(ay, by), slice(ax, bx)

    @property
    def empty(self) -> bool:
        """Whether the box holds no voxel."""
        return 0 in self.shape

    def clipped(self, shape: Shape) -> VoxelBox:
        """The part of the box inside an array of that shape; at the array's origin when there is none."""
        return self.common(VoxelBox((0, 0, 0), shape))

    def common(self, other: VoxelBox) -> VoxelBox:
        """The voxels that are in both boxes; an empty box at the array's origin when there is none."""
        lz, ly, lx = map(max, self.lo, other.lo)
        hz, hy, hx = map(min, self.hi, other.hi)
        if lz >= hz or ly >= hy or lx >= hx:
            return VoxelBox((0, 0, 0), (0, 0, 0))
        return VoxelBox((lz, ly, lx), (hz, hy, hx))

    def shifted(self, by: Shape) -> VoxelBox:
        """The same box seen from an origin at ``-by``."""
        (az, ay, ax), (bz, by_, bx), (dz, dy, dx) = self.lo, self.hi, by
        return VoxelBox((az + dz, ay + dy, ax + dx), (bz + dz, by_ + dy, bx + dx))

    def seen_from(self, first: Shape) -> VoxelBox:
        """The same box in a part of the array that begins with the voxel ``first``."""
        z, y, x = first
        return self.shifted((-z, -y, -x))
