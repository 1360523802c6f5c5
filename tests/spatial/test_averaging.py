from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellmap_data.spatial import AveragePlan, CopyPlan, Lattice, Motion, PatchSpec, ResamplePlan
from cellmap_data.spatial.transforms import rotation
from tests.spatial.reference import (
    bent_motions,
    expected_average,
    lattices,
    motions,
    places,
    ramp,
    read,
    read_at,
    reads,
    still_motions,
)

FINE = Lattice((0.0,) * 3, (4.0, 4.0, 4.0), (24, 28, 32))
TURNED = Motion(
    (1, 0, 2), (True, False, False), tuple(map(tuple, (rotation(0, 33) @ rotation(2, 20)).tolist()))
)


@given(reads(still_motions), st.sampled_from([0.0, 0.1, 0.6]))
def test_a_larger_voxel_is_the_mean_of_what_it_covers(case, missing):
    """Equal to the overlaps worked out densely in float64: any factor per axis, any place, NaN about."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion, average=True)
    assume(isinstance(plan, AveragePlan))
    rng = np.random.default_rng(int(np.prod(lattice.shape)))
    volume = rng.random(lattice.shape)
    volume[rng.random(lattice.shape) < missing] = np.nan
    wanted = expected_average(volume, lattice, patch, centre, motion, fill=-7.0)
    assert read(plan, volume, fill=-7.0) == pytest.approx(wanted, nan_ok=True, abs=1e-6)


@given(reads(motions | bent_motions))
def test_a_moved_read_of_a_finer_level_interpolates_its_average(case):
    """Turned and bent, it is what linear reading gives from a level of the size asked for, were it stored."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion, average=True)
    assume(isinstance(plan, ResamplePlan) and plan.cells is not None)
    volume = np.random.default_rng(1).random(lattice.shape)
    factors = np.array(plan.cells.step)
    index = (places(patch, centre, motion) - lattice.origin) / lattice.voxel
    ties = [u - np.floor(u) - 0.5 for u in (index, (index + 0.5) / factors - 0.5)]
    sure = (np.abs(ties) > 4e-3 * factors).all(axis=(0, -1))
    wanted = expected_average(volume, lattice, patch, centre, motion, fill=-7.0)
    assert read(plan, volume, fill=-7.0)[sure] == pytest.approx(wanted[sure], abs=1e-4)


@given(reads(still_motions))
def test_what_is_missing_of_an_average_is_what_is_missing_of_labels(case):
    """Averages are missing where the nearest voxel is: raw and labels of one patch end at the same place."""
    lattice, patch, centre, motion = case
    masks = [np.zeros(patch.shape, bool) for _ in range(2)]
    for mask, average in zip(masks, (True, False), strict=True):
        plan = read_at(lattice, patch, centre, motion, average=average)
        plan.fill_missing(mask, True)
        assert plan.covers == (not mask.any())
    assert np.array_equal(*masks)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "f2", "i8"])
def test_aligned_blocks_are_their_means(factor, dtype):
    """By a whole factor, on the blocks of a pyramid, it is the plain mean of each block."""
    volume = np.random.default_rng(0).integers(0, 255, FINE.shape).astype(dtype)
    shape = (2, 3, 4)
    patch = PatchSpec(shape, (4.0 * factor,) * 3)
    centre = tuple(4.0 * (factor * (1 + p / 2) - 0.5) for p in shape)
    inner = volume.astype(float)[tuple(slice(factor, factor * (1 + p)) for p in shape)]
    means = inner.reshape(shape[0], factor, shape[1], factor, shape[2], factor).mean(axis=(1, 3, 5))
    plan = read_at(FINE, patch, centre, average=True)
    assert plan.source.shape == tuple(p * factor for p in shape)
    assert read(plan, volume, np.float32) == pytest.approx(means, rel=1e-6)
    if dtype == "u1":
        rounded = read(plan, volume, np.uint8, fill=0)
        assert np.abs(rounded - means).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("motion", [Motion(), TURNED], ids=["upright", "turned"])
@pytest.mark.parametrize("missing", ["NaN", "border"])
def test_nothing_bleeds_into_averages(motion, missing):
    """A constant volume stays constant up to unknown voxels and to its faces."""
    volume = np.full(FINE.shape, 100.0, np.float32)
    centre = (0.0, 0.0, 0.0)
    if missing == "NaN":
        volume[::3, ::2, 1::4], centre = np.nan, (40.0, 50.0, 60.0)
    plan = read_at(FINE, PatchSpec((9, 8, 7), (10.0, 9.0, 13.0)), centre, motion, average=True)
    shown = read(plan, volume, np.float32)
    assert np.isnan(shown).any()
    assert shown[~np.isnan(shown)] == pytest.approx(100.0)


@pytest.mark.parametrize("up", [0.0, 1.3, 2.9, 4.1, 5.5, 7.7])
def test_a_turned_read_does_not_depend_on_which_level_is_stored(up):
    """Averaging a fine level and reading the mean level that a pyramid stores come to the same."""
    volume = np.random.default_rng(0).integers(0, 255, FINE.shape).astype(np.float64)
    coarse = Lattice((2.0,) * 3, (8.0,) * 3, tuple(n // 2 for n in FINE.shape))
    means = volume.reshape([k for n in coarse.shape for k in (n, 2)]).mean(axis=(1, 3, 5))
    patch, centre = PatchSpec((2, 3, 3), (8.0,) * 3), (46.0 + up, 55.0 + up, 62.0 - up)
    from_fine = read(read_at(FINE, patch, centre, TURNED, average=True), volume)
    assert from_fine == pytest.approx(read(read_at(coarse, patch, centre, TURNED), means))


@given(lattices(), still_motions)
@settings(max_examples=50)
def test_averages_lie_where_they_should(lattice, motion):
    """The average of a ramp is the ramp: no half voxel is lost, whatever is mirrored or transposed.

    Voxels are taken as constant, which tells at the borders of a cell: by a twentieth of a voxel at most.
    """
    lattice = Lattice(lattice.origin, lattice.voxel, (9, 9, 9))
    patch = PatchSpec((1, 2, 2), tuple(2.5 * s for s in lattice.voxel))
    size = np.array(patch.voxel)[list(np.argsort(motion.perm))]
    assume((size <= 3 * np.array(lattice.voxel)).all())
    plan = read_at(lattice, patch, lattice.bounding_box.centre, motion, average=True)
    where = places(patch, lattice.bounding_box.centre, motion)
    twentieth = float(np.array(lattice.voxel) @ (1.0, 10.0, 100.0)) / 20
    assert read(plan, ramp(lattice)) == pytest.approx(where @ (1.0, 10.0, 100.0), abs=twentieth + 1e-6)


def test_labels_and_stored_voxels_are_not_averaged():
    """Only raw from a finer level is: labels are picked, and voxels of the size asked for are copied."""
    same, larger = (PatchSpec((4,) * 3, (s,) * 3) for s in (4.0, 8.0))
    assert isinstance(read_at(FINE, same, (30.0,) * 3, average=True), CopyPlan)
    plan = read_at(FINE, larger, (32.0,) * 3, TURNED)
    assert isinstance(plan, ResamplePlan)
    assert plan.cells is None
