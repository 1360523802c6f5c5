"""What a patch holds, worked out one voxel at a time from the definitions; and cases to try it on."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from cellmap_data.spatial import Lattice, Motion, PatchSpec, plan_read, resample
from cellmap_data.spatial.elastic import Spline
from cellmap_data.spatial.plans import CopyPlan, ReadPlan
from cellmap_data.spatial.transforms import rotation

VOXEL_SIZES = (1.0, 2.0, 3.36, 5.24, 8.0, 20.96)


def places(patch: PatchSpec, centre, motion: Motion) -> np.ndarray:
    """The world coordinates (nm) of what each voxel of a patch shows: [*shape, 3]."""
    offsets = (np.indices(patch.shape).T - (np.array(patch.shape) - 1) / 2) * patch.voxel
    return (np.array(centre) + moved(motion, offsets)).transpose(2, 1, 0, 3)


def moved(motion: Motion, offsets: np.ndarray) -> np.ndarray:
    """Offsets from the centre (nm), [..., 3], through the warps of a motion and its linear part."""
    for warp in motion.warps:
        assert isinstance(warp, Spline)
        offsets = offsets + splines(warp.control_points(), warp.spacing, offsets)
    return offsets @ motion.as_array().T


def splines(control: np.ndarray, spacing, offsets: np.ndarray) -> np.ndarray:
    """The sum over all control points [z, y, x, 3], about the centre, of cubic B-splines at the offsets."""
    parts = []
    for axis in range(3):
        n = np.arange(control.shape[axis]) - (control.shape[axis] - 1) / 2
        far = np.abs(offsets[..., axis, None] / spacing[axis] - n)
        parts.append(np.where(far < 1, 2 / 3 - far**2 + far**3 / 2, np.maximum(2 - far, 0) ** 3 / 6))
    return np.einsum("...a,...b,...c,abcd->...d", *parts, control)


def averaged(volume: np.ndarray, first, step, count) -> np.ndarray:
    """The mean of a volume over an upright grid of cells, in float64; NaN where a cell has no voxel.

    A cell whose middle is NaN is NaN.
    """
    overlaps = []
    for axis, n in enumerate(volume.shape):
        middle = first[axis] + step[axis] * np.arange(count[axis])[:, None]
        half, k = max(step[axis], 1) / 2, np.arange(n)
        overlap = np.minimum(middle + half, k + 0.5) - np.maximum(middle - half, k - 0.5)
        overlaps.append(np.where(overlap > 1e-6, overlap, 0))
    known = ~np.isnan(volume)
    total = np.einsum("ax,by,cz,xyz->abc", *overlaps, np.where(known, volume, 0))
    weight = np.einsum("ax,by,cz,xyz->abc", *overlaps, known.astype(float))
    mean = np.divide(total, weight, out=np.full(tuple(count), np.nan), where=weight > 0)
    for cell in np.ndindex(*count):
        places = (f + s * i for f, s, i in zip(first, step, cell, strict=True))
        middle = tuple(
            min(max(math.ceil(u - 0.5 - 1e-3), 0), n - 1) for u, n in zip(places, volume.shape, strict=True)
        )
        mean[cell] = np.nan if np.isnan(volume[middle]) else mean[cell]
    return mean


def expected_average(volume, lattice: Lattice, patch: PatchSpec, centre, motion: Motion, fill) -> np.ndarray:
    """A patch of raw from a finer level: its upright average, interpolated where the patch is moved."""
    size = np.array([patch.voxel[motion.perm.index(axis)] for axis in range(3)]) / lattice.voxel
    outside = np.isnan(
        expected_patch(np.zeros(lattice.shape), lattice, patch, centre, motion, linear=False, fill=np.nan)
    )
    if motion.permutes:
        along = [patch.shape[motion.perm.index(axis)] for axis in range(3)]
        first = (np.array(centre) - lattice.origin) / lattice.voxel - (np.array(along) - 1) / 2 * size
        mean = averaged(volume, first, size, along).transpose(motion.perm)
        out = mean[tuple(slice(None, None, -1 if flip else 1) for flip in motion.flips)].copy()
    else:
        size = np.maximum(size, 1)
        level = averaged(volume, (size - 1) / 2, size, np.ceil(np.array(volume.shape) / size).astype(int))
        low = np.array(lattice.origin) + (size - 1) / 2 * lattice.voxel
        coarse = Lattice(tuple(low), tuple(size * lattice.voxel), level.shape)
        out = expected_patch(level, coarse, patch, centre, motion, linear=True, fill=fill)
    out[outside] = fill
    return out


def expected_patch(volume, lattice: Lattice, patch: PatchSpec, centre, motion, *, linear, fill) -> np.ndarray:
    """The patch by plain loops in float64."""
    out = np.empty(patch.shape)
    where = (places(patch, centre, motion) - lattice.origin) / lattice.voxel
    for i in np.ndindex(*patch.shape):
        nearest = tuple(math.ceil(u - 0.5 - 1e-3) for u in where[i])
        if not all(0 <= a < n for a, n in zip(nearest, volume.shape, strict=True)):
            out[i] = fill
        elif linear and not np.isnan(volume[nearest]):
            out[i] = _interpolated(volume, where[i])
        else:
            out[i] = volume[nearest]
    return out


def _interpolated(volume, place) -> float:
    """The mean of the voxels around a place that exist and are no NaN, by their nearness."""
    total = weights = 0.0
    for corner in itertools.product(*((math.floor(u), math.floor(u) + 1) for u in place)):
        weight = math.prod(1 - abs(u - a) for u, a in zip(place, corner, strict=True))
        exists = all(0 <= a < n for a, n in zip(corner, volume.shape, strict=True))
        if exists and weight > 0 and not np.isnan(volume[corner]):
            total, weights = total + weight * float(volume[corner]), weights + weight
    return total / weights


def read(
    plan: ReadPlan, volume: np.ndarray, dtype=np.float64, *, linear: bool = True, fill: float = math.nan
) -> np.ndarray:
    """Do what a plan says, the way a dataset does."""
    out = np.empty(plan.shape, dtype)
    if isinstance(plan, CopyPlan):
        plan.view(out)[...] = volume[plan.source.slices]
        plan.fill_missing(out, fill)
    else:
        resample(plan, volume[plan.source.slices], out, linear=linear, fill=fill)
    return out


def ramp(lattice: Lattice, slope=(1.0, 10.0, 100.0)) -> np.ndarray:
    """A volume whose voxel values tell their own place: ``slope @ (z, y, x)`` in nm."""
    axes = [
        t + s * np.arange(n) for t, s, n in zip(lattice.origin, lattice.voxel, lattice.shape, strict=True)
    ]
    return sum(k * a for k, a in zip(slope, np.meshgrid(*axes, indexing="ij"), strict=True))


voxels = st.tuples(*[st.sampled_from(VOXEL_SIZES)] * 3)
shapes = st.tuples(*[st.integers(1, 6)] * 3)
origins = st.tuples(*[st.integers(-40, 40).map(lambda n: n * 1.31)] * 3)
perms = st.permutations(range(3)).map(tuple)
flips = st.tuples(*[st.booleans()] * 3)


@st.composite
def matrices(draw):
    """A rotation about one to three axes, as a motion holds it."""
    total = np.eye(3)
    for axis in draw(st.lists(st.sampled_from(range(3)), min_size=1, max_size=3, unique=True)):
        total = rotation(axis, draw(st.integers(-180, 180)) + 0.37) @ total
    return tuple(map(tuple, total.tolist()))


motions = st.builds(Motion, perms, flips, st.none() | matrices())
still_motions = st.builds(Motion, perms, flips)


@st.composite
def bends(draw):
    """An elastic field, as strong as it may be."""
    spacing = draw(st.tuples(*[st.sampled_from((3.1, 12.0, 70.0))] * 3))
    limit = tuple(s * draw(st.sampled_from((0.0, 0.1, 0.4))) for s in spacing)
    return Spline(
        spacing, limit, draw(st.tuples(*[st.sampled_from((3, 5, 6))] * 3)), draw(st.integers(0, 99))
    )


bent_motions = st.builds(
    Motion, perms, flips, st.none() | matrices(), st.lists(bends(), min_size=1, max_size=2).map(tuple)
)


@st.composite
def lattices(draw, largest: int = 9):
    """A stored level."""
    return Lattice(draw(origins), draw(voxels), draw(st.tuples(*[st.integers(1, largest)] * 3)))


@st.composite
def centres(draw, lattice: Lattice):
    """A place in or around a level, on eighths of its voxels."""
    eighths = [draw(st.integers(-16, 8 * n + 16)) / 8 for n in lattice.shape]
    return tuple(t + k * s for t, k, s in zip(lattice.origin, eighths, lattice.voxel, strict=True))


@st.composite
def reads(draw, moves=motions):
    """A level, a patch of the same or of other voxels, where it is and how it is moved."""
    lattice = draw(lattices())
    patch = PatchSpec(draw(shapes), draw(st.just(lattice.voxel) | voxels))
    return lattice, patch, draw(centres(lattice)), draw(moves)


def read_at(lattice, patch, centre, motion=None, *, snap=False, average=False) -> ReadPlan:
    """A plan, standing still unless told otherwise."""
    return plan_read(lattice, patch, centre, motion or Motion.identity(), snap=snap, average=average)
