from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data.spatial import (
    CopyPlan,
    Lattice,
    Motion,
    PatchSpec,
    ResamplePlan,
    VoxelBox,
    plan_read,
    sampling_grid,
)
from cellmap_data.spatial.lattice import Source
from tests.spatial.reference import (
    VOXEL_SIZES,
    expected_patch,
    flips,
    lattices,
    motions,
    perms,
    places,
    ramp,
    read,
    read_at,
    reads,
    shapes,
    still_motions,
)


@given(reads())
def test_whatever_is_read_is_what_lies_there(case):
    """In a volume whose values tell their place, every voxel that is read tells the place it should show.

    Across voxel sizes and proportions, offsets, non-cubic patches and all motions. Places within half a
    voxel of a face repeat the outermost voxel.
    """
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion)
    shown, there = read(plan, ramp(lattice)), places(patch, centre, motion)
    low, voxel = np.array(lattice.origin), np.array(lattice.voxel)
    there = np.clip(there, low, low + (np.array(lattice.shape) - 1) * voxel)
    known = ~np.isnan(shown)
    assert shown[known] == pytest.approx((there @ (1.0, 10.0, 100.0))[known], abs=1e-6)
    assert not plan.covers or known.all()


@given(lattices(), shapes, still_motions, st.data())
def test_stored_voxels_are_copied(lattice, shape, motion, data):
    """A patch whose voxels coincide with stored ones is a copy, also when mirrored and transposed."""
    lattice = replace(lattice, voxel=(lattice.voxel[0],) * 3)
    start = [data.draw(st.integers(-4, n + 2)) for n in lattice.shape]
    along = [shape[motion.perm.index(axis)] for axis in range(3)]
    centre = tuple(
        t + (k + (p - 1) / 2) * s
        for t, k, p, s in zip(lattice.origin, start, along, lattice.voxel, strict=True)
    )
    patch = PatchSpec(shape, lattice.voxel)
    plan, volume = read_at(lattice, patch, centre, motion), np.random.default_rng(0).random(lattice.shape)
    assert isinstance(plan, CopyPlan)
    wanted = expected_patch(volume, lattice, patch, centre, motion, linear=False, fill=np.nan)
    assert np.array_equal(read(plan, volume), wanted, equal_nan=True)
    assert plan.covers == (not np.isnan(wanted).any())


@given(reads(still_motions))
def test_snapping_gives_the_nearest_voxels(case):
    """A snapped copy has the voxels that taking the nearest (ties down) gives, moved in any way."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion, snap=True)
    volume = np.arange(np.prod(lattice.shape), dtype=np.float64).reshape(lattice.shape)
    wanted = expected_patch(volume, lattice, patch, centre, motion, linear=False, fill=-1)
    assert np.array_equal(read(plan, volume, linear=False, fill=-1), wanted)


@given(reads())
def test_exactly_what_is_needed_is_read(case):
    """The block of a plan reaches from the lowest to the highest voxel that has a part in the patch."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion)
    where = ((places(patch, centre, motion) - lattice.origin) / lattice.voxel).reshape(-1, 3)
    if isinstance(plan, CopyPlan):
        where = np.round(where)
    low, high = np.floor(where.min(axis=0) + 1e-6), np.ceil(where.max(axis=0) - 1e-6)
    low, high = np.maximum(low, 0), np.minimum(high, np.array(lattice.shape) - 1)
    if (low > high).any():
        assert plan.source.empty
    else:
        assert plan.source == VoxelBox(tuple(low), tuple(high + 1))


@given(reads(), st.booleans())
def test_missing_voxels_are_those_outside_the_volume(case, snap):
    """Filling what is missing sets the voxels whose nearest voxel does not exist, and no other."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion, snap=snap)
    mask = np.zeros(patch.shape, bool)
    plan.fill_missing(mask, True)
    wanted = expected_patch(np.zeros(lattice.shape), lattice, patch, centre, motion, linear=False, fill=1)
    assert np.array_equal(mask, wanted.astype(bool))
    assert plan.covers == (not mask.any())


@pytest.mark.parametrize("s", VOXEL_SIZES)
@pytest.mark.parametrize("p", [1, 5, 8], ids="P={}".format)
def test_every_position_of_a_volume_is_a_copy(s, p):
    """At each position of the sampling grid the reference is copied, from the voxel of that number on."""
    source = Source(Lattice((1.31, -7.0, 1e5), (s,) * 3, (20, 20, 3000)), PatchSpec((p,) * 3, (s,) * 3))
    grid = sampling_grid([source])
    for k in (0, 1, 1777, grid.counts[2] - 1):
        plan = read_at(source.lattice, source.patch, grid.centre(k))
        assert isinstance(plan, CopyPlan)
        assert plan.source.lo == (0, 0, k)
        assert plan.covers


@pytest.mark.parametrize("p", [4, 5])
def test_levels_agree_on_where_things_are(p):
    """The same ramp is read from a level and from the twice coarser one under it, to the last bit."""
    fine = Lattice((0.0,) * 3, (4.0, 4.0, 4.0), (40, 40, 40))
    coarse = Lattice((2.0,) * 3, (8.0, 8.0, 8.0), (20, 20, 20))
    patch = PatchSpec((p, p + 2, p + 4), (8.0,) * 3)
    centre = sampling_grid([Source(coarse, patch)]).centre(1234)
    from_coarse, from_fine = (read_at(level, patch, centre) for level in (coarse, fine))
    assert isinstance(from_coarse, CopyPlan)
    assert isinstance(from_fine, ResamplePlan)
    assert np.array_equal(read(from_coarse, ramp(coarse)), read(from_fine, ramp(fine)))


@given(reads(), perms, flips)
def test_moving_the_patch_moves_its_voxels(case, perm, flip):
    """Mirroring and transposing a patch before reading is mirroring and transposing what was read."""
    lattice, patch, centre, motion = case
    patch = replace(patch, voxel=(patch.voxel[0],) * 3)
    volume = np.random.default_rng(1).integers(0, 99, lattice.shape).astype(np.float64)
    moved = Motion(perm, flip).then(motion)
    still = PatchSpec(tuple(patch.shape[perm.index(axis)] for axis in range(3)), patch.voxel)
    first, second = (read_at(lattice, p, centre, m) for p, m in ((patch, moved), (still, motion)))
    if type(first) is not type(second):
        return  # float error put the phase on either side of the tolerance
    turned = read(second, volume).transpose(perm)[tuple(slice(None, None, -1 if f else None) for f in flip)]
    assert read(first, volume) == pytest.approx(turned, nan_ok=True, abs=1e-9)


def test_a_view_copies_nothing():
    """What is read lands in the patch itself: the view shares its memory, flipped and transposed."""
    lattice, patch = Lattice((0.0,) * 3, (8.0,) * 3, (9,) * 3), PatchSpec((2, 4, 6), (8.0,) * 3)
    plan = read_at(lattice, patch, (16.0, 28.0, 28.0), Motion((1, 2, 0), (True, False, True)), snap=True)
    out = np.empty(patch.shape, np.uint8)
    assert np.shares_memory(plan.view(out), out)
    assert plan.view(out).shape == plan.source.shape


@pytest.mark.parametrize(
    ("lattice", "centre", "motion", "snap", "copies"),
    [
        (Lattice((0.0,) * 3, (8.0,) * 3, (99,) * 3), (28.0,) * 3, Motion(), False, True),
        (Lattice((0.0,) * 3, (8.0,) * 3, (99,) * 3), (28.007,) * 3, Motion(), False, True),
        (Lattice((0.0,) * 3, (8.0,) * 3, (99,) * 3), (32.0,) * 3, Motion(), False, False),
        (Lattice((0.0,) * 3, (8.0,) * 3, (99,) * 3), (32.0,) * 3, Motion(), True, True),
        (Lattice((0.0,) * 3, (8.0005,) * 3, (99,) * 3), (28.00175,) * 3, Motion(), False, True),
        (Lattice((0.0,) * 3, (4.0,) * 3, (99,) * 3), (28.0,) * 3, Motion(), True, False),
        (Lattice((0.0,) * 3, (8.0, 8.0, 4.0), (99,) * 3), (28.0,) * 3, Motion((2, 1, 0)), True, False),
        (
            Lattice((0.0,) * 3, (8.0,) * 3, (99,) * 3),
            (28.0,) * 3,
            Motion(matrix=((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))),
            True,
            False,
        ),
    ],
    ids=[
        "in phase", "within a thousandth", "half a voxel off", "half off, snapped", "size within the drift",
        "other size", "transposed to another size", "turned",
    ],
)  # fmt: skip
def test_when_a_patch_is_copied(lattice, centre, motion, snap, copies):
    """Voxels are copied that are stored in that size and place; all others are resampled."""
    plan = plan_read(lattice, PatchSpec((8,) * 3, (8.0,) * 3), centre, motion, snap=snap)
    assert isinstance(plan, CopyPlan) is copies


@given(reads())
@settings(max_examples=50)
def test_plans_travel(case):
    """A plan is a value: hashable, and equal after pickling."""
    plan = read_at(*case)
    assert hash(pickle.loads(pickle.dumps(plan))) == hash(plan)


@given(reads(motions))
def test_a_patch_outside_a_volume_reads_nothing(case):
    """Far away everything is missing, and the empty block can still be read."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, (centre[0] + 1e6, *centre[1:]), motion)
    assert plan.source.empty
    assert not plan.covers
    assert (read(plan, np.zeros(lattice.shape), fill=7) == 7).all()


def test_planning_and_copying_do_not_load_the_compiler():
    """Numba, which takes a second to import, is loaded only where something is resampled."""
    script = """
import sys, math
import numpy as np
from cellmap_data.spatial import *
lattice, patch = Lattice((0.0,) * 3, (8.0,) * 3, (9,) * 3), PatchSpec((4,) * 3, (8.0,) * 3)
plan = plan_read(lattice, patch, (4.0,) * 3, Motion.identity(), snap=False)
plan.fill_missing(plan.view(np.empty(patch.shape)), math.nan)
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
