from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Bend, Elastic, Lattice, Motion, PatchSpec, SpatialTransforms, resample
from cellmap_data.spatial.elastic import Spline
from tests.spatial.reference import (
    bends,
    bent_motions,
    expected_patch,
    moved,
    places,
    ramp,
    read,
    read_at,
    reads,
    splines,
)

CUBE = PatchSpec((16, 16, 16), (8.0, 8.0, 8.0))
OPTIONS = {"control_point_spacing": 64, "max_displacement": 25}
SHEETS = Lattice((0.0,) * 3, (20.0, 5.0, 4.0), (30, 80, 100))


def drawn(options=OPTIONS, patches=(CUBE,), seed=0) -> Motion:
    """One motion."""
    return Elastic.from_options(options).draw(np.random.default_rng(seed), patches, lambda _: True)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (OPTIONS, Elastic((64.0,) * 3, (25.0,) * 3, 1.0)),
        (OPTIONS | {"probability": 0.5}, Elastic((64.0,) * 3, (25.0,) * 3, 0.5)),
        (
            {"control_point_spacing": (80, 40, 40), "max_displacement": {"x": 16, "y": 8, "z": 0}},
            Elastic((80.0, 40.0, 40.0), (0.0, 8.0, 16.0), 1.0),
        ),
    ],
    ids=["one number", "probability", "by axis"],
)
def test_options_are_read_in_all_forms(options, wanted):
    """Distances are one number, three along z, y, x, or one per axis."""
    assert Elastic.from_options(options) == wanted


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"control_point_spacing": 64, "max_displacement": 26}, ["fold", "26"]),
        ({"control_point_spacing": (64, 8, 64), "max_displacement": 4}, ["fold"]),
        (
            {"sigma": 3, "max_displacement": -1},
            ["'sigma'", "control_point_spacing: None", "max_displacement: -1"],
        ),
        (OPTIONS | {"probability": 2}, ["probability: 2"]),
        (OPTIONS | {"max_displacement": {"x": 5}}, ["{'x': 5}"]),
        (OPTIONS | {"max_displacement": (1, 2)}, ["(1, 2)"]),
        (OPTIONS | {"control_point_spacing": 0}, ["control_point_spacing: 0"]),
        (OPTIONS | {"control_point_spacing": float("nan")}, ["nan"]),
        (True, ["True"]),
        (40, ["40"]),
    ],
    ids=[
        "too far",
        "too far along y",
        "several",
        "probability",
        "an axis",
        "two",
        "zero",
        "NaN",
        "True",
        "number",
    ],
)
def test_what_cannot_be_read_is_named(options, named):
    """Unknown keys, impossible numbers and displacements that fold are errors that show what was written."""
    with pytest.raises(ConfigurationError) as caught:
        Elastic.from_options(options)
    assert all(text in str(caught.value) for text in named)


@given(bends(), st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.sampled_from((1.0, 4.0, 30.0))] * 3))
@settings(max_examples=60)
def test_displacements_are_cubic_splines(spline, shape, voxel):
    """Equal to the plain sum over all control points, on the grid of a patch and place by place."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, voxel, strict=True))
    offsets = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)
    wanted = np.moveaxis(splines(spline.control_points(), spline.spacing, offsets), -1, 0)
    assert spline.displacement(z[:, None, None], y[:, None], x) == pytest.approx(wanted, abs=2e-5)
    scattered = spline.displacement(*(offsets[..., axis].ravel() for axis in range(3)))
    assert scattered == pytest.approx(wanted.reshape(3, -1), abs=1e-9)
    assert (np.abs(wanted) <= np.array(spline.reach)[:, None, None, None] + 1e-9).all()


@pytest.mark.parametrize(("part", "folds"), [(0.4, False), (1.0, True)], ids=["at the limit", "beyond"])
def test_space_does_not_fold(part, folds):
    """At the largest displacement allowed neighbours keep their order everywhere, however bad the draw."""
    control = np.random.default_rng(0).choice([-part, part], (60, 5, 5, 5, 3))
    control[0] = part * np.where(np.arange(5) % 4 < 2, 1, -1)[:, None, None, None]
    offsets = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 3, indexing="ij"), axis=-1)
    step, smallest = 1e-4, np.inf
    for points in control:
        ahead = [splines(points, (1.0,) * 3, offsets + step * unit) for unit in np.eye(3)]
        slope = (np.stack(ahead, axis=-1) - splines(points, (1.0,) * 3, offsets)[..., None]) / step
        smallest = min(smallest, np.linalg.det(np.eye(3) + slope).min())
    assert (smallest <= 0) == folds


@given(reads(bent_motions))
def test_a_bent_ramp_tells_the_places_it_was_taken_from(case):
    """Bent, mirrored, transposed and turned at once: every voxel is the value at the mapped coordinate."""
    lattice, patch, centre, motion = case
    plan, there = read_at(lattice, patch, centre, motion), places(patch, centre, motion)
    low, voxel = np.array(lattice.origin), np.array(lattice.voxel)
    shown, inner = read(plan, ramp(lattice)), np.clip(there, low, low + (np.array(lattice.shape) - 1) * voxel)
    known = ~np.isnan(shown)
    assert shown[known] == pytest.approx((inner @ (1.0, 10.0, 100.0))[known], abs=1e-2)
    assert not plan.covers or known.all()
    index = (there - low) / voxel
    off_tie = (np.abs(index - np.floor(index) - 0.5) > 2e-3).all(axis=-1)
    inside = ((index > -0.5) & (index < np.array(lattice.shape) - 0.5)).all(axis=-1)
    assert np.array_equal(known[off_tie], inside[off_tie])


@given(reads(bent_motions), st.booleans())
def test_bent_reading_is_what_the_definition_says(case, linear):
    """Equal to one voxel at a time in float64, labels to the nearest voxel, with NaN about."""
    lattice, patch, centre, motion = case
    plan = read_at(lattice, patch, centre, motion, snap=not linear)
    rng = np.random.default_rng(int(np.prod(lattice.shape)))
    volume = rng.random(lattice.shape)
    volume[rng.random(lattice.shape) < 0.1] = np.nan
    index = (places(patch, centre, motion) - lattice.origin) / lattice.voxel
    clear = (np.abs(2 * index - np.round(2 * index)) > 4e-3).all(axis=-1)  # of ties, and of voxels' middles
    wanted = expected_patch(volume, lattice, patch, centre, motion, linear=linear, fill=-7.0)
    shown = read(plan, volume, linear=linear, fill=-7.0)
    assert shown[clear] == pytest.approx(wanted[clear], nan_ok=True, abs=1e-3)
    mask = np.zeros(patch.shape, bool)
    plan.fill_missing(mask, True)
    assert np.array_equal(mask[clear], (wanted == -7.0)[clear])


@pytest.mark.parametrize("seed", range(5))
def test_raw_and_labels_of_all_sizes_bend_alike(seed):
    """One field in world space: patches of other shapes and voxels about one centre show the same places."""
    patches = [PatchSpec((5, 12, 9), (20.0, 5.0, 4.0)), PatchSpec((3, 6, 5), (40.0, 10.0, 8.0))]
    motion = drawn({"control_point_spacing": (60, 30, 30), "max_displacement": (20, 12, 12)}, patches, seed)
    centre, weights = (290.0, 200.0, 200.0), (1.0, 10.0, 100.0)
    for patch in patches:
        plan = read_at(SHEETS, patch, centre, motion)
        assert plan.covers
        assert read(plan, ramp(SHEETS)) == pytest.approx(places(patch, centre, motion) @ weights, abs=1e-2)


def test_what_is_read_is_bounded_by_the_displacement():
    """The block grows by the largest displacement, in the voxels of each axis, and by no more."""
    still = read_at(SHEETS, CUBE, (290.0, 200.0, 200.0), snap=True).source
    motion = Motion(warps=(Spline((64.0,) * 3, (20.0, 10.0, 12.0), (7, 7, 7), 1),))
    bent = read_at(SHEETS, CUBE, (290.0, 200.0, 200.0), motion).source
    assert [a - b for a, b in zip(bent.shape, still.shape, strict=True)] == [2, 4, 6]
    turned = replace(motion, matrix=((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    with_bend, without = (
        read_at(SHEETS, CUBE, (290.0, 200.0, 200.0), m).source.shape
        for m in (turned, replace(turned, warps=()))
    )
    assert with_bend[1] - without[1] == 8  # along y, where the sample's z runs: 20 nm to either side


def test_a_plane_stays_plane():
    """Where an array has one voxel along an axis nothing leaves it, in all arrays."""
    for patches in ([PatchSpec((1, 16, 16), (8.0,) * 3)], [CUBE, PatchSpec((1, 16, 16), (8.0,) * 3)]):
        z, y, x = Bend.of(drawn(patches=patches), patches[-1]).field()
        assert not z.any()
        assert y.any()
        assert x.any()


def test_samples_are_bent_as_often_as_asked():
    """A probability of one quarter bends a quarter; the others stay copies."""
    bent = [bool(drawn(OPTIONS | {"probability": 0.25}, seed=seed).warps) for seed in range(1000)]
    assert 200 < sum(bent) < 300
    assert drawn(OPTIONS | {"probability": 0}) == drawn(OPTIONS | {"max_displacement": 0}) == Motion()


def test_fields_are_a_function_of_the_generator():
    """Equal generators bend alike, others differently, and a motion survives pickling."""
    assert drawn(seed=1) == drawn(seed=1) == pickle.loads(pickle.dumps(drawn(seed=1))) != drawn(seed=2)
    again, other = (Bend.of(drawn(seed=seed), CUBE).field() for seed in (1, 2))
    assert np.array_equal(again, Bend.of(drawn(seed=1), CUBE).field())
    assert not np.allclose(again, other)


def test_elastic_is_drawn_before_the_others():
    """Adding it to mirror, transpose and rotate makes one motion, whose bend acts first."""
    options = {"rotate": {"z": 45}, "elastic": OPTIONS, "mirror": {"x": True}, "transpose": True}
    rng = np.random.default_rng(3)
    motion = SpatialTransforms.from_options(options).draw(rng, [CUBE], lambda _: True)
    assert motion.warps == drawn(seed=3).warps
    assert motion.matrix is not None


@given(bent_motions, bent_motions)
@settings(max_examples=60)
def test_bent_motions_compose_like_maps(first, second):
    """What goes through the joint motion is what goes through the one and then the other."""
    patch, joint = PatchSpec((3, 4, 2), (8.0, 5.0, 4.0)), first.then(second)
    offsets = np.moveaxis(places(patch, (0.0,) * 3, Motion()), -1, 0)
    displaced = np.moveaxis(offsets + Bend.of(joint, patch).field(), 0, -1)
    both = moved(second, moved(first, np.moveaxis(offsets, 0, -1)))
    assert displaced @ joint.as_array().T == pytest.approx(both, abs=1e-3)


def test_arrays_of_a_sample_share_a_field():
    """A field that was worked out for raw is taken for the labels, and kept nowhere else."""
    plan, fields = read_at(SHEETS, CUBE, (290.0, 200.0, 200.0), drawn()), {}
    block, out = np.zeros(plan.source.shape, np.uint8), np.ones(plan.shape, np.uint8)
    for linear in (True, False):
        resample(plan, block, out, linear=linear, fill=1, fields=fields)
    assert list(fields) == [plan.bend]
    fields[plan.bend] = np.full_like(fields[plan.bend], 1e4)
    resample(plan, block, out, linear=False, fill=1, fields=fields)
    assert out.all()
