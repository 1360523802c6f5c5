"""Plan the read of a patch: the only place where it is decided how its voxels are made from stored ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial.bending import Bend
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
from cellmap_data.spatial.motion import Motion, as_matrix
from cellmap_data.spatial.plans import AveragePlan, Cells, CopyPlan, ReadPlan, ResamplePlan, permuted

NO_PART = 1e-6
"""A stored voxel whose share in a patch is smaller has none: it comes from the error of arithmetic."""


def plan_read(
    lattice: Lattice, patch: PatchSpec, centre: Vec, motion: Motion, *, snap: bool, average: bool = False
) -> ReadPlan:
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
    average : bool
        Where the level is finer than asked for, average it, rather than interpolate or pick: for raw. A patch
        that is turned or bent is interpolated in an upright average of the voxel size asked for, as it would
        be in a stored level of that size.

    Returns
    -------
    CopyPlan, AveragePlan or ResamplePlan
        A copy when the voxel sizes are equal, the motion is index arithmetic and the voxels coincide to
        within a thousandth (or ``snap``).
    """
    factors = _factors(lattice, patch, motion.perm)
    if motion.permutes:
        if all(f is None for f in factors):
            shape = permuted(patch.shape, motion.perm)
            axes = list(zip(centre, lattice.origin, lattice.voxel, shape, strict=True))
            if snap or all(_in_phase(c, t, s, P) for c, t, s, P in axes):
                z, y, x = (first_voxel(c, t, s, P) for c, t, s, P in axes)
                return _copy((z, y, x), shape, lattice.shape, patch.shape, motion)
        if average and any(f is not None and f > 1 for f in factors):
            return _average(lattice, patch, centre, motion)
    up_to = [max(f or 1.0, 1.0) if average else 1.0 for f in factors]
    return _resample(lattice, patch, centre, motion, (up_to[0], up_to[1], up_to[2]))


def _factors(lattice: Lattice, patch: PatchSpec, perm: Shape) -> list[float | None]:
    """Along each stored axis, the size of a voxel of the patch in stored ones; None where they are equal."""
    axes = [(patch.voxel[a], patch.shape[a]) for a in map(perm.index, range(3))]
    return [
        None if same_voxel_size(v, s, P) else v / s for s, (v, P) in zip(lattice.voxel, axes, strict=True)
    ]


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


def _average(lattice: Lattice, patch: PatchSpec, centre: Vec, motion: Motion) -> AveragePlan:
    along, voxel = permuted(patch.shape, motion.perm), np.array(lattice.voxel)
    step = np.array([patch.voxel[motion.perm.index(b)] for b in range(3)]) / voxel
    last = (np.array(along) - 1) * step
    first = (np.array(centre) - np.array(lattice.origin)) / voxel - last / 2
    half = np.maximum(step, 1) / 2
    low, high = first - half, first + last + half
    reach = VoxelBox(_ints(np.floor(low + 0.5 + NO_PART)), _ints(np.ceil(high + 0.5 - NO_PART)))
    source = reach.clipped(lattice.shape)
    cells = Cells(_vec(first - source.lo), _vec(step), along)
    covers = _within(first, first + last, lattice.shape)
    return AveragePlan(source, cells, patch.shape, motion.perm, motion.flips, covers)


def _resample(lattice: Lattice, patch: PatchSpec, centre: Vec, motion: Motion, factors: Vec) -> ResamplePlan:
    voxel, linear = np.array(lattice.voxel), motion.as_array()
    matrix = linear * np.array(patch.voxel) / voxel[:, None]
    middle = (np.array(patch.shape) - 1) / 2
    offset = (np.array(centre) - np.array(lattice.origin)) / voxel - matrix @ middle
    ends = matrix * (np.array(patch.shape) - 1)
    reach = np.abs(linear) @ np.array(motion.reach) / voxel
    low = offset + np.minimum(ends, 0).sum(axis=1) - reach
    high = offset + np.maximum(ends, 0).sum(axis=1) + reach
    needed, source = _needed(low, high, factors, lattice.shape)
    cells = None
    if factors != (1.0, 1.0, 1.0):
        first = (np.array(needed.lo) + 0.5) * np.array(factors) - 0.5 - np.array(source.lo)
        cells = Cells(_vec(first), factors, needed.shape)
    return ResamplePlan(
        source,
        as_matrix(matrix),
        _vec(offset - source.lo),
        patch.shape,
        _within(low, high, lattice.shape),
        Bend.of(motion, patch),
        cells,
    )


def _needed(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], factors: Vec, stored: Shape
) -> tuple[VoxelBox, VoxelBox]:
    """What interpolation between two places needs of the averaged array, and that of the stored one.

    The cells of the average begin at the lower faces of the array, as those of a stored pyramid do.
    """
    f = np.array(factors)
    low, high = (low + 0.5) / f - 0.5, (high + 0.5) / f - 0.5
    averaged = tuple(math.ceil(n / k - NO_PART) for n, k in zip(stored, factors, strict=True))
    reach = VoxelBox(_ints(np.floor(low + NO_PART)), _ints(np.ceil(high - NO_PART) + 1))
    needed = reach.clipped(averaged)  # type: ignore[arg-type]
    first, end = np.array(needed.lo) * f, np.array(needed.hi) * f
    under = VoxelBox(_ints(np.floor(first + NO_PART)), _ints(np.ceil(end - NO_PART)))
    return needed, under.clipped(stored)


def _within(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], stored: Shape) -> bool:
    """Whether all places between two have their nearest voxel in an array of that shape."""
    return all(
        nearest_voxel(a) >= 0 and nearest_voxel(b) < n
        for a, b, n in zip(low.tolist(), high.tolist(), stored, strict=True)
    )


def _ints(array: npt.NDArray[np.float64]) -> Shape:
    z, y, x = (int(n) for n in array)
    return z, y, x


def _vec(array: npt.NDArray[np.float64]) -> Vec:
    z, y, x = array.tolist()
    return z, y, x
