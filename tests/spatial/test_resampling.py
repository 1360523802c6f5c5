from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cellmap_data
from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Lattice, Motion, PatchSpec, ResamplePlan, Rotate, resample
from cellmap_data.spatial.transforms import rotation
from tests.spatial.reference import expected_patch, read, read_at, reads

LATTICE = Lattice((0.0, 0.0, 0.0), (8.0, 4.0, 4.0), (12, 16, 20))
PATCH = PatchSpec((5, 7, 6), (6.0, 5.0, 3.36))
TURNED = Motion(
    (0, 2, 1), (False, True, False), tuple(map(tuple, (rotation(0, 33) @ rotation(2, -71)).tolist()))
)
PLAN = read_at(LATTICE, PATCH, (40.0, 30.0, 38.0), TURNED)


@given(reads(), st.booleans())
def test_resampling_is_what_the_definition_says(case, linear):
    """Equal to one voxel at a time in float64, for any voxel sizes, places and motions, with NaN about."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion)
    rng = np.random.default_rng(int(np.prod(lattice.shape)))
    volume = rng.random(lattice.shape)
    volume[rng.random(lattice.shape) < 0.1] = np.nan
    if isinstance(plan, ResamplePlan):
        wanted = expected_patch(volume, lattice, patch, centre, motion, linear=linear, fill=-7.0)
        assert read(plan, volume, linear=linear, fill=-7.0) == pytest.approx(wanted, nan_ok=True, abs=1e-9)


@pytest.mark.parametrize("linear", [True, False], ids=["linear", "nearest"])
@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ("u1", "f4"),
        ("u1", "u1"),
        ("i2", "i2"),
        (">u2", "f4"),
        ("f2", "f2"),
        ("f4", "f4"),
        ("?", "f4"),
        ("?", "?"),
        ("i8", "f8"),
    ],
)
def test_dtypes_are_resampled_in_their_own_values(stored, wanted, linear):
    """Any stored dtype goes into any dtype that can hold it; interpolated integers are rounded, not cut."""
    volume = np.random.default_rng(0).integers(0, 2 if stored == "?" else 100, LATTICE.shape).astype(stored)
    exact = expected_patch(
        volume.astype(float), LATTICE, PATCH, (40.0, 30.0, 38.0), TURNED, linear=linear, fill=0
    )
    shown = read(PLAN, volume, np.dtype(wanted), linear=linear, fill=0)
    tolerance = 0.5 + 1e-6 if np.dtype(wanted).kind in "iub" else 0.05 if wanted == "f2" else 1e-4
    assert np.abs(shown.astype(float) - exact).max() <= (tolerance if linear else 0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_labels_keep_ids_that_no_float_can_hold(dtype):
    """Nearest reading moves integers as they are: 2**62 + 1 arrives as 2**62 + 1."""
    volume = np.full(LATTICE.shape, 2**62 + 1, dtype)
    assert (read(PLAN, volume, dtype, linear=False, fill=0) == 2**62 + 1).all()


def test_labels_never_blend():
    """Between labels 1 and 200 there is nothing."""
    volume = np.random.default_rng(0).choice(np.array([1, 200], np.uint8), LATTICE.shape)
    assert set(np.unique(read(PLAN, volume, np.float32, linear=False))) == {1.0, 200.0}


@pytest.mark.parametrize("missing", ["NaN", "border"])
def test_nothing_bleeds_into_known_voxels(missing):
    """A constant volume stays constant right up to unknown voxels and to its faces."""
    volume = np.full(LATTICE.shape, 100.0, np.float32)
    if missing == "NaN":
        volume[::3, ::2, 1::4] = np.nan
    centre = (40.0, 30.0, 38.0) if missing == "NaN" else (0.0, 0.0, 0.0)
    shown = read(read_at(LATTICE, PATCH, centre, TURNED), volume, np.float32)
    assert np.isnan(shown).any()
    assert shown[~np.isnan(shown)] == pytest.approx(100.0)


def test_unknown_stays_unknown_and_outside_is_filled():
    """A NaN that is stored is NaN; what lies outside is the fill value."""
    volume = np.full(LATTICE.shape, np.nan)
    shown = read(read_at(LATTICE, PATCH, (0.0, 30.0, 38.0), TURNED), volume, fill=5.0)
    assert np.isnan(shown).any()
    assert set(shown[~np.isnan(shown)]) == {5.0}


@pytest.mark.parametrize("axis", range(3))
def test_four_quarter_turns_of_a_cube_are_quarter_turns_of_the_array(axis):
    """A right-handed quarter turn of an isotropic cube is ``numpy.rot90``, voxel for voxel."""
    lattice, patch = Lattice((0.0,) * 3, (8.0,) * 3, (9,) * 3), PatchSpec((9,) * 3, (8.0,) * 3)
    volume = np.random.default_rng(0).integers(0, 255, lattice.shape, np.uint8)
    planes = {0: (2, 1), 1: (0, 2), 2: (1, 0)}[axis]
    for turns in range(5):
        motion = Rotate(((axis, 90.0 * turns, 90.0 * turns),)).draw(np.random.default_rng(0), [patch], bool)
        plan = read_at(lattice, patch, (32.0,) * 3, motion)
        shown = read(plan, volume, np.float32)
        assert shown == pytest.approx(np.rot90(volume, turns, planes[::-1]).astype(np.float32), abs=1e-4)


def test_patches_are_written_into_any_memory():
    """Rows of a batch and strided views are filled in place."""
    volume = np.random.default_rng(0).integers(0, 255, LATTICE.shape, np.uint8)
    batch = np.zeros((2, *PATCH.shape, 2), np.float32)
    resample(PLAN, volume[PLAN.source.slices], batch[1, ..., 0], linear=True, fill=0)
    assert np.array_equal(batch[1, ..., 0], read(PLAN, volume, np.float32))
    assert not batch[0].any()
    assert not batch[..., 1].any()


def test_threads_resample_at_once():
    """Kernels share nothing: many threads get what one gets."""
    volume = np.random.default_rng(0).integers(0, 255, LATTICE.shape, np.uint8)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: read(PLAN, volume, np.float32), range(64)))
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize(
    ("stored", "wanted", "fill", "rule"),
    [
        ("f4", "u1", 0, "need a float patch"),
        ("u1", "u1", np.nan, "hold its fill value"),
        ("u1", "u1", 256, "hold its fill value"),
        ("u1", "i4", 0.5, "hold its fill value"),
        ("?", "?", 2, "hold its fill value"),
    ],
)
def test_a_patch_must_hold_its_values(stored, wanted, fill, rule):
    """NaN, fractions and large numbers are not squeezed into dtypes that lack them."""
    with pytest.raises(ConfigurationError, match=rule):
        read(PLAN, np.zeros(LATTICE.shape, stored), np.dtype(wanted), fill=fill)


def test_a_block_must_be_the_one_asked_for():
    """A block or a patch of another shape than the plan's is refused."""
    with pytest.raises(ConfigurationError, match="the block it asked for"):
        resample(PLAN, np.zeros((2, 2, 2)), np.zeros(PATCH.shape), linear=True, fill=0)


def test_no_kernel_reads_outside_its_block(tmp_path):
    """With every access checked, blocks of all shapes down to one voxel are read without a fault."""
    script = """
import itertools
from dataclasses import replace
import numpy as np
from cellmap_data.spatial import AveragePlan, Bend, ResamplePlan, VoxelBox, resample
from cellmap_data.spatial.elastic import Spline
from cellmap_data.spatial.plans import Cells
from cellmap_data.spatial.transforms import rotation

matrices = [np.eye(3), -np.eye(3), rotation(0, 30) @ rotation(1, 50) @ rotation(2, 70), np.eye(3) * 1e-12]
spline = Spline((2.0,) * 3, (0.8,) * 3, (3, 3, 3), 1)  # which does not reach as far as the patch
for shape in itertools.product((1, 2, 5), repeat=3):
    block = np.ones(shape)
    for matrix, offset, linear in itertools.product(matrices, (-2.0, -0.5, 0.0, 0.125, 1.0, 4.0), (0, 1)):
        plan = ResamplePlan(VoxelBox((0, 0, 0), shape), matrix, (offset,) * 3, (3, 4, 7), False)
        out = np.empty(plan.shape)
        resample(plan, block, out, linear=bool(linear), fill=5.0)
        assert np.isclose(out, np.where(out > 3, 5, 1)).all()
        bent = replace(plan, bend=Bend((spline,), plan.shape, (1.0,) * 3))
        resample(bent, block, out, linear=bool(linear), fill=5.0)
        assert np.isclose(out, np.where(out > 3, 5, 1)).all()
    for first, step, missing in itertools.product((-3.0, -0.5, 0.0, 0.75, 6.0), (0.3, 1.0, 1.5, 4.0), (0, 1)):
        cells = Cells((first,) * 3, (step,) * 3, (3, 4, 7))
        plan = AveragePlan(VoxelBox((0, 0, 0), shape), cells, cells.shape, (0, 1, 2), (False,) * 3, False)
        checkered = np.where(np.indices(shape).sum(0) % 2, np.nan, 1.0)
        resample(plan, checkered if missing else block, out, linear=True, fill=5.0)
        assert missing or not np.isnan(out).any()
        assert np.isin(out[~np.isnan(out)].round(9), (1, 5)).all()
"""
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120, env=environment)


def test_kernels_compile_where_nothing_can_be_kept(tmp_path):
    """Without a directory to keep compiled code in, resampling works all the same."""
    package = tmp_path / "cellmap_data"
    shutil.copytree(Path(cellmap_data.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "spatial" / "__pycache__").touch()  # a file: no directory can be made there
    nowhere = tmp_path / "file"
    nowhere.touch()
    script = """
import numpy as np
from cellmap_data.spatial import Lattice, Motion, PatchSpec, kernels, plan_read, resample
plan = plan_read(Lattice((0.0,) * 3, (8.0,) * 3, (9,) * 3), PatchSpec((2,) * 3, (8.0,) * 3), (30.0,) * 3,
                 Motion.identity(), snap=False)
out = np.empty(plan.shape, np.float32)
resample(plan, np.ones(plan.source.shape, np.uint8), out, linear=False, fill=0)
assert (out == 1).all()
assert kernels.__file__.startswith({root!r})
assert kernels.nearest.stats.cache_path is None
"""
    environment = {"HOME": f"{nowhere}/x", "XDG_CACHE_HOME": f"{nowhere}/x", "PYTHONPATH": str(tmp_path)}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", script.replace("{root!r}", repr(str(tmp_path)))]
    subprocess.run(command, check=True, timeout=120, env=environment, cwd=tmp_path)
