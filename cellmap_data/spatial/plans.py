"""From a patch to the voxels it is made of: which block to read, and where each of its voxels goes.

A plan is pure arithmetic on where things are; it holds no data and knows no store, so all classes that share
a lattice share one plan. When the voxels asked for are stored ones, the plan is a copy, and mirrors and
transpositions are strides of the memory it is copied into. Otherwise it resamples, in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial.frame import (
    TOLERANCE,
    Shape,
    Vec,
    VoxelBox,
    first_voxel,
    nearest_voxel,
    same_voxel_size,
)
from cellmap_data.spatial.lattice import Lattice, PatchSpec
from cellmap_data.spatial.motion import Matrix, Motion, as_matrix

Array: TypeAlias = npt.NDArray[Any]

NO_PART = 1e-6
"""A stored voxel whose share in a patch is smaller has none: it comes from the error of arithmetic."""


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """A patch whose voxels are stored ones.

    Attributes
    ----------
    source : VoxelBox
        What to read of the stored array, clipped to it; may be empty.
    target : VoxelBox
        Where that lies in the patch, along the axes of the stored array.
    shape : Shape
        The patch.
    perm, flips
        As in :class:`Motion`: axis ``a`` of the patch runs along axis ``perm[a]`` of the stored array.
    """

    source: VoxelBox
    target: VoxelBox
    shape: Shape
    perm: Shape
    flips: tuple[bool, bool, bool]

    @property
    def covers(self) -> bool:
        """Whether the stored array has every voxel of the patch."""
        return self.target.shape == self._along_stored_axes

    def view(self, out: Array) -> Array:
        """The part of ``out`` to read into, along the stored axes: ``view[...] = stored[source.slices]``.

        Parameters
        ----------
        out : ndarray
            The patch, of the plan's ``shape``, any dtype and strides.

        Returns
        -------
        ndarray
            A view of shape ``source.shape``; its strides may be negative.
        """
        return self._stored_axes(out)[self.target.slices]

    def fill_missing(self, out: Array, value: Any) -> None:
        """Set what the stored array does not have, in place; ``out`` is the patch or a mask of its shape."""
        patch = self._stored_axes(out)
        for axis in range(3):
            before, after = [slice(None)] * 3, [slice(None)] * 3
            before[axis] = slice(0, self.target.lo[axis])
            after[axis] = slice(self.target.hi[axis], None)
            patch[tuple(before)] = value
            patch[tuple(after)] = value

    @property
    def _along_stored_axes(self) -> Shape:
        return _permuted(self.shape, self.perm)

    def _stored_axes(self, out: Array) -> Array:
        """The whole patch along the stored axes."""
        turned = out[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]
        return turned.transpose([self.perm.index(axis) for axis in range(3)])


@dataclass(frozen=True, slots=True)
class ResamplePlan:
    """A patch whose voxels lie between stored ones.

    Voxel ``i`` (z, y, x) of the patch lies at the index ``matrix @ i + offset`` of the block to be read.

    Attributes
    ----------
    source : VoxelBox
        The block to read: every voxel that has a part in the patch, clipped to the stored array; may be
        empty.
    matrix, offset : Matrix, Vec
        From a voxel of the patch to an index into the block.
    shape : Shape
        The patch.
    covers : bool
        Whether every voxel of the patch lies within the stored array.
    """

    source: VoxelBox
    matrix: Matrix
    offset: Vec
    shape: Shape
    covers: bool

    def fill_missing(self, out: Array, value: Any) -> None:
        """Set what lies outside the stored array, in place; ``out`` is the patch or a mask of its shape."""
        from cellmap_data.spatial import resampling  # which knows plans, so not at the top

        if not self.covers:
            resampling.fill_outside(self, out, value)


ReadPlan: TypeAlias = CopyPlan | ResamplePlan


def plan_read(lattice: Lattice, patch: PatchSpec, centre: Vec, motion: Motion, *, snap: bool) -> ReadPlan:
    """How to read one patch from one stored level.

    Parameters
    ----------
    lattice : Lattice
        The level.
    patch : PatchSpec
        The voxels asked for.
    centre : Vec
        The middle of the space the patch covers, nm.
    motion : Motion
        How the patch is moved about its centre.
    snap : bool
        Copy the nearest stored voxels (ties down) also where the patch lies between them. For labels, which
        take the nearest voxel anyway, this gives the same voxels as resampling and is cheaper.

    Returns
    -------
    CopyPlan or ResamplePlan
        A copy when the voxel sizes are equal, the motion is index arithmetic and the voxels coincide to
        within a thousandth (or ``snap``).
    """
    if motion.matrix is None and _same_sizes(lattice.voxel, patch, motion.perm):
        shape = _permuted(patch.shape, motion.perm)
        axes = list(zip(centre, lattice.origin, lattice.voxel, shape, strict=True))
        if snap or all(_in_phase(c, t, s, P) for c, t, s, P in axes):
            z, y, x = (first_voxel(c, t, s, P) for c, t, s, P in axes)
            return _copy((z, y, x), shape, lattice.shape, patch.shape, motion)
    return _resample(lattice, patch, centre, motion)


def _permuted(shape: Shape, perm: Shape) -> Shape:
    """Lengths along the axes of a patch as lengths along the axes of the stored array."""
    return shape[perm.index(0)], shape[perm.index(1)], shape[perm.index(2)]


def _same_sizes(stored: Vec, patch: PatchSpec, perm: Shape) -> bool:
    return all(
        same_voxel_size(v, stored[b], P) for v, b, P in zip(patch.voxel, perm, patch.shape, strict=True)
    )


def _in_phase(c: float, t: float, s: float, P: int) -> bool:  # noqa: N803
    """Whether the voxels of a patch coincide with stored ones along one axis."""
    index = (c - t) / s - (P - 1) / 2
    return abs(index - round(index)) <= TOLERANCE


def _copy(first: Shape, along_stored: Shape, stored: Shape, shape: Shape, motion: Motion) -> CopyPlan:
    whole = VoxelBox((0, 0, 0), along_stored).shifted(first)
    source = whole.clipped(stored)
    z, y, x = first
    target = source if source.empty else source.shifted((-z, -y, -x))
    return CopyPlan(source, target, shape, motion.perm, motion.flips)


def _resample(lattice: Lattice, patch: PatchSpec, centre: Vec, motion: Motion) -> ResamplePlan:
    voxel = np.array(lattice.voxel)
    matrix = motion.as_array() * np.array(patch.voxel) / voxel[:, None]
    middle = (np.array(patch.shape) - 1) / 2
    offset = (np.array(centre) - np.array(lattice.origin)) / voxel - matrix @ middle
    ends = matrix * (np.array(patch.shape) - 1)
    low, high = offset + np.minimum(ends, 0).sum(axis=1), offset + np.maximum(ends, 0).sum(axis=1)
    reach = VoxelBox(_ints(np.floor(low + NO_PART)), _ints(np.ceil(high - NO_PART) + 1))
    source = reach.clipped(lattice.shape)
    covers = all(
        nearest_voxel(a) >= 0 and nearest_voxel(b) < n
        for a, b, n in zip(low.tolist(), high.tolist(), lattice.shape, strict=True)
    )
    z, y, x = (offset - source.lo).tolist()
    return ResamplePlan(source, as_matrix(matrix), (z, y, x), patch.shape, covers)


def _ints(array: npt.NDArray[np.float64]) -> Shape:
    z, y, x = (int(n) for n in array)
    return z, y, x
