"""From a patch to the voxels it is made of: which block to read, and where each of its voxels goes.

A plan is pure arithmetic on where things are; it holds no data and knows no store, so all classes that share
a lattice share one plan. When the voxels asked for are stored ones, the plan is a copy, and mirrors and
transpositions are strides of the memory it is copied into; so they are when stored voxels are averaged to
larger ones. Otherwise it resamples, in one pass. :mod:`cellmap_data.spatial.planning` makes plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from cellmap_data.spatial.bending import Bend
from cellmap_data.spatial.frame import Shape, Vec, VoxelBox, nearest_voxel
from cellmap_data.spatial.motion import Matrix

Array: TypeAlias = npt.NDArray[Any]


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
        return self.target.shape == permuted(self.shape, self.perm)

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
        return _upright(out, self.perm, self.flips)[self.target.slices]

    def fill_missing(self, out: Array, value: Any) -> None:
        """Set what the stored array does not have, in place; ``out`` is the patch or a mask of its shape."""
        patch = _upright(out, self.perm, self.flips)
        for axis in range(3):
            before, after = [slice(None)] * 3, [slice(None)] * 3
            before[axis] = slice(0, self.target.lo[axis])
            after[axis] = slice(self.target.hi[axis], None)
            patch[tuple(before)] = value
            patch[tuple(after)] = value


@dataclass(frozen=True, slots=True)
class Cells:
    """An upright grid over a block of stored voxels; what lies under a cell is averaged.

    Attributes
    ----------
    first : Vec
        The middle of the first cell, as an index into the block.
    step : Vec
        From one cell to the next, in stored voxels. A cell is as wide, but never narrower than a voxel: where
        cells are finer than voxels the average over one voxel's width is linear interpolation.
    shape : Shape
        Cells per axis.
    """

    first: Vec
    step: Vec
    shape: Shape


@dataclass(frozen=True, slots=True)
class AveragePlan:
    """A patch whose voxels are larger than the stored ones, and upright: each is the average under it.

    Attributes
    ----------
    source : VoxelBox
        The block to read: every voxel that has a part in the patch, clipped to the stored array; may be
        empty.
    cells : Cells
        The voxels of the patch over the block, along the axes of the stored array.
    shape : Shape
        The patch.
    perm, flips
        As in :class:`Motion`.
    covers : bool
        Whether every voxel of the patch has its middle in the stored array.
    """

    source: VoxelBox
    cells: Cells
    shape: Shape
    perm: Shape
    flips: tuple[bool, bool, bool]
    covers: bool

    def view(self, out: Array) -> Array:
        """The patch ``out`` along the stored axes: the cells, in their order."""
        return _upright(out, self.perm, self.flips)

    def fill_missing(self, out: Array, value: Any) -> None:
        """Set what lies outside the stored array, in place; ``out`` is the patch or a mask of its shape."""
        if self.covers:
            return
        patch, cells = self.view(out), self.cells
        for axis in range(3):
            first, step, n = cells.first[axis], cells.step[axis], self.source.shape[axis]
            for k in range(cells.shape[axis]):
                if not 0 <= nearest_voxel(first + k * step) < n:
                    patch[(slice(None),) * axis + (k,)] = value


@dataclass(frozen=True, slots=True)
class ResamplePlan:
    """A patch whose voxels lie between stored ones.

    Voxel ``i`` (z, y, x) of the patch lies at the index ``matrix @ (i + u) + offset`` of the block to be
    read, where ``u`` is the displacement of the ``bend``, if there is one, in voxels of the patch.

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
        Whether every voxel of the patch lies within the stored array; of a bent patch, whether it would at
        the largest displacement.
    bend : Bend or None
        What displaces the voxels of the patch.
    cells : Cells or None
        To what the block is averaged before it is interpolated; not for labels.
    """

    source: VoxelBox
    matrix: Matrix
    offset: Vec
    shape: Shape
    covers: bool
    bend: Bend | None = None
    cells: Cells | None = None

    def fill_missing(self, out: Array, value: Any) -> None:
        """Set what lies outside the stored array, in place; ``out`` is the patch or a mask of its shape."""
        from cellmap_data.spatial import resampling  # which knows plans, so not at the top

        if not self.covers:
            resampling.fill_outside(self, out, value)


ReadPlan: TypeAlias = CopyPlan | AveragePlan | ResamplePlan


def permuted(shape: Shape, perm: Shape) -> Shape:
    """Lengths along the axes of a patch as lengths along the axes of the stored array."""
    return shape[perm.index(0)], shape[perm.index(1)], shape[perm.index(2)]


def _upright(out: Array, perm: Shape, flips: tuple[bool, bool, bool]) -> Array:
    """A whole patch along the stored axes."""
    turned = out[tuple(slice(None, None, -1 if flip else None) for flip in flips)]
    return turned.transpose([perm.index(axis) for axis in range(3)])
