from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import (
    AXES,
    Elastic,
    Lattice,
    Mirror,
    Motion,
    PatchSpec,
    Rotate,
    Source,
    Transpose,
    plan_read,
)
from cellmap_data.spatial.transforms import rotation
from tests.spatial.reference import ramp, read

CUBE = PatchSpec((8, 8, 8), (8.0, 8.0, 8.0))


def always(_motion: Motion) -> bool:
    """Nothing sticks out."""
    return True


def drawn(transform, patches=(CUBE,), fits=always, n=2000) -> Counter:
    """How often each motion comes up."""
    rng = np.random.default_rng(5)
    return Counter(transform.draw(rng, patches, fits) for _ in range(n))


@pytest.mark.parametrize(
    ("options", "probabilities"),
    [
        ({"axes": {"x": 0.5}}, (0.0, 0.0, 0.5)),
        ({"x": True, "z": 0.25}, (0.25, 0.0, 0.5)),
        ({"axes": {"x": False, "y": 1}}, (0.0, 1.0, 0.0)),
        ({}, (0.0, 0.0, 0.0)),
    ],
)
def test_mirrors_are_read_in_both_forms(options, probabilities):
    """Axes stand bare or under "axes"; True is one half."""
    assert Mirror.from_options(options) == Mirror(probabilities)


def test_each_axis_is_mirrored_with_its_probability():
    """Axes are mirrored independently, as often as asked for."""
    counts = drawn(Mirror((0.0, 1.0, 0.25)))
    assert {motion.flips[:2] for motion in counts} == {(False, True)}
    assert 400 < counts[Motion(flips=(False, True, True))] < 600


@pytest.mark.parametrize(
    ("options", "axes"),
    [(True, (0, 1, 2)), ({"axes": ["x", "y"]}, (1, 2)), ({"axes": ("z", "x")}, (0, 2)), ({"axes": []}, ())],
)
def test_transpositions_are_read_in_both_forms(options, axes):
    """True is all axes; else those that are listed."""
    assert Transpose.from_options(options) == Transpose(axes)


@pytest.mark.parametrize(
    ("axes", "perms"),
    [
        ((0, 1, 2), 6),
        ((1, 2), 2),
        ((0,), 1),
        ((), 1),
    ],
)
def test_the_listed_axes_are_permuted_uniformly(axes, perms):
    """All permutations of the listed axes come up equally often, and no others."""
    counts = drawn(Transpose(axes))
    assert len(counts) == perms
    assert min(counts.values()) > 0.8 * 2000 / perms
    assert all(motion.perm[axis] == axis for motion in counts for axis in set(range(3)) - set(axes))


@pytest.mark.parametrize(
    ("patches", "perms"),
    [
        ([PatchSpec((1, 64, 64), (8.0,) * 3)], {(0, 1, 2), (0, 2, 1)}),
        ([PatchSpec((8, 64, 64), (16.0, 8.0, 8.0))], {(0, 1, 2), (0, 2, 1)}),
        ([CUBE, PatchSpec((1, 64, 64), (8.0,) * 3)], {(0, 1, 2), (0, 2, 1)}),
        ([PatchSpec((8,) * 3, (4.0, 8.0, 16.0))], {(0, 1, 2)}),
        ([CUBE, PatchSpec((4,) * 3, (8.0, 8.0, 16.0))], {(0, 1, 2), (1, 0, 2)}),
    ],
    ids=["2-D", "thick sections", "2-D beside 3-D", "three sizes", "all arrays agree"],
)
def test_only_permutations_that_suit_all_arrays_are_drawn(patches, perms):
    """A 2-D patch keeps its plane, and voxels of one size never stand for those of another."""
    assert {motion.perm for motion in drawn(Transpose((0, 1, 2)), patches)} == perms


def test_only_permutations_that_fit_are_drawn():
    """Where the permuted box of a non-cubic patch sticks out of its volume, that permutation is not drawn."""
    source = Source(Lattice((0.0,) * 3, (8.0,) * 3, (10, 40, 40)), PatchSpec((8, 8, 32), (8.0,) * 3))
    centre = source.lattice.bounding_box.centre
    counts = drawn(Transpose((0, 1, 2)), [source.patch], lambda motion: source.fits(centre, motion))
    assert {motion.perm for motion in counts} == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1)}
    for motion in counts:
        plan = plan_read(source.lattice, source.patch, centre, motion, snap=True)
        assert plan.covers
        assert plan.shape == (8, 8, 32)


def test_the_identity_is_drawn_where_nothing_fits():
    """A patch can always stay as it is."""
    assert set(drawn(Transpose((0, 1, 2)), fits=lambda _: False)) == {Motion()}


@pytest.mark.parametrize(
    ("options", "ranges"),
    [
        ({"axes": {"z": [-30, 30]}}, ((0, -30.0, 30.0),)),
        ({"z": 45}, ((0, -45.0, 45.0),)),
        ({"axes": {"x": 10, "z": (0, 90.5)}}, ((0, 0.0, 90.5), (2, -10.0, 10.0))),
        ({}, ()),
    ],
)
def test_rotations_are_read_in_both_forms(options, ranges):
    """One number is the range to both sides; axes are kept in z, y, x order."""
    assert Rotate.from_options(options) == Rotate(ranges)


def test_angles_are_drawn_from_the_whole_range():
    """Angles are uniform between the bounds."""
    rng, rotate = np.random.default_rng(0), Rotate(((0, -30.0, 60.0),))
    matrices = [rotate.draw(rng, [CUBE], always).as_array() for _ in range(2000)]
    angles = [np.rad2deg(np.arctan2(matrix[1, 2], matrix[2, 2])) for matrix in matrices]
    assert np.histogram(angles, 3, (-30, 60))[0] == pytest.approx(2000 / 3, rel=0.12)


@pytest.mark.parametrize(
    ("axis", "start", "end"), [("z", "x", "y"), ("y", "z", "x"), ("x", "y", "z")], ids=["z", "y", "x"]
)
def test_rotations_are_right_handed(axis, start, end):
    """A quarter turn about z sends x to y, about y z to x, about x y to z."""
    unit = {name: np.eye(3)[AXES.index(name)] for name in AXES}
    quarter = rotation(AXES.index(axis), 90)
    assert quarter @ unit[start] == pytest.approx(unit[end])
    assert quarter @ unit[axis] == pytest.approx(unit[axis])


def test_several_axes_make_one_rotation():
    """Turns about several axes compose, about z first, and stay a rotation."""
    motion = Rotate(((0, 30.0, 30.0), (2, 50.0, 50.0))).draw(np.random.default_rng(0), [CUBE], always)
    matrix = motion.as_array()
    assert matrix == pytest.approx(rotation(2, 50) @ rotation(0, 30))
    assert matrix @ matrix.T == pytest.approx(np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_anisotropic_voxels_are_turned_in_world_space():
    """Thick sections are neither sheared nor zoomed: a turned ramp tells the places a rigid turn gives."""
    lattice, patch = (
        Lattice((0.0,) * 3, (20.0, 5.0, 4.0), (40, 80, 100)),
        PatchSpec((3, 9, 7), (20.0, 5.0, 4.0)),
    )
    motion = Rotate(((2, 90.0, 90.0),)).draw(np.random.default_rng(0), [patch], always)
    plan = plan_read(lattice, patch, (390.0, 200.0, 200.0), motion, snap=False)
    shown = read(plan, ramp(lattice, (1.0, 0.0, 0.0)))
    # About x, y turns to z: the sample's y axis runs along z, 5 nm a voxel.
    assert np.diff(shown, axis=1) == pytest.approx(5.0)
    assert np.diff(shown, axis=0) == pytest.approx(0.0, abs=1e-9)
    assert shown[1, 4, 3] == pytest.approx(390.0)


@pytest.mark.parametrize(
    ("transform", "options", "named"),
    [
        (Mirror, {"axes": {"w": 0.5, "x": 2, "y": 0.5}}, ["'w': 0.5", "'x': 2"]),
        (Mirror, {"x": "often"}, ["'x': 'often'"]),
        (Mirror, ["x"], ["['x']"]),
        (Mirror, True, ["True"]),
        (Rotate, {"z": [30, -30]}, ["'z': [30, -30]"]),
        (
            Rotate,
            {"axes": {"z": True, "y": [1, 2, 3], "x": "45"}},
            ["'z': True", "'y': [1, 2, 3]", "'x': '45'"],
        ),
        (Rotate, {"zy": 45}, ["'zy': 45"]),
        (Rotate, {"z": [0, float("nan")]}, ["nan"]),
        (Rotate, {"z": ["a", "b"]}, ["'a'"]),
        (Rotate, {"z": float("inf")}, ["inf"]),
        (Rotate, 45, ["45"]),
        (Transpose, {"axes": ["x", "w"]}, ["'w'"]),
        (Transpose, {"axes": "xy"}, ["'xy'"]),
        (Transpose, {"axes": ["x"], "p": 1}, ["'p'"]),
        (Transpose, {"axes": [["x"], "y"]}, ["[['x'], 'y']"]),
        (Transpose, {"axes": ["x"]}, ["['x']", "two axes"]),
        (Transpose, {"axes": ["x", "x"]}, ["['x', 'x']"]),
        (Transpose, ["x", "y"], ["['x', 'y']"]),
        (Transpose, False, ["False"]),
    ],
)
def test_what_cannot_be_read_is_named(transform, options, named):
    """Unknown axes, impossible numbers and other forms are errors that show what was written, all of it."""
    with pytest.raises(ConfigurationError) as caught:
        transform.from_options(options)
    for text in named:
        assert text in str(caught.value)


@dataclass
class Counting:
    """A generator that counts what is drawn from it."""

    rng: np.random.Generator
    drawn: int = 0

    def random(self) -> float:
        """One number."""
        self.drawn += 1
        return self.rng.random()


@pytest.mark.parametrize(
    "transform",
    [
        Mirror((0.5, 0.0, 1.0)),
        Transpose((0, 1, 2)),
        Rotate(((0, 0.0, 9.0),)),
        Elastic((64.0,) * 3, (9.0,) * 3, 0.5),
    ],
)
def test_the_number_of_draws_does_not_depend_on_the_place(transform):
    """Where a patch lies changes what fits, never what the next transform draws."""
    free, bound = Counting(np.random.default_rng(0)), Counting(np.random.default_rng(0))
    transform.draw(free, [CUBE], always)
    transform.draw(bound, [PatchSpec((1, 8, 8), (4.0, 8.0, 8.0))], lambda _: False)
    assert free.drawn == bound.drawn > 0
