from __future__ import annotations

import math

import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Box, Lattice, Motion, PatchSpec, Source, choose_level


def pyramid(*sizes, n=512) -> list[Lattice]:
    """Levels of these voxel sizes over the same space, each with its first voxel against its lower face."""
    vectors = [s if isinstance(s, tuple) else (s, s, s) for s in sizes]
    finest = vectors[0]
    return [
        Lattice(
            tuple((b - a) / 2 for a, b in zip(finest, v, strict=True)),
            v,
            tuple(int(n * a / b) for a, b in zip(finest, v, strict=True)),
        )
        for v in vectors
    ]


@pytest.mark.parametrize("edge", [math.nan, math.inf], ids=str)
def test_no_lattice_lies_in_a_box_without_end(edge):
    """A box that is not finite is refused before its voxels are counted."""
    with pytest.raises(ConfigurationError, match=f"(?s)finite edges.*{edge}"):
        Lattice.inside(Box((0, 0, 0), (edge, 8, 8)), (8, 8, 8))


def test_a_bounding_box_reaches_from_face_to_face():
    """The translation is the centre of the first voxel: N voxels cover t - s/2 to t + (N - 1/2) s."""
    lattice = Lattice((0.0, 100.0, -3.36), (8.0, 5.24, 3.36), (10, 1, 3))
    assert lattice.bounding_box.lo == pytest.approx((-4.0, 97.38, -5.04))
    assert lattice.bounding_box.hi == pytest.approx((76.0, 102.62, 5.04))


def test_levels_of_a_pyramid_cover_the_same_space():
    """With NGFF translations the boxes of all levels agree."""
    assert len({level.bounding_box for level in pyramid(4.0, 8.0, 16.0)}) == 1


@pytest.mark.parametrize(
    ("sizes", "asked", "level"),
    [
        ((4.0, 8.0, 16.0), (8.0, 8.0, 8.0), 1),
        ((4.0, 8.0, 16.0), (15.9, 15.9, 15.9), 1),
        ((4.0, 8.0, 16.0), (2.0, 2.0, 2.0), 0),
        ((4.0, 8.0, 16.0), (640.0, 640.0, 640.0), 2),
        ((16.0, 8.0, 4.0), (8.0, 8.0, 8.0), 1),
        ((16.0, 8.0, 4.0), (1.0, 1.0, 1.0), 2),
        ((5.24, 10.48, 20.96), (10.48, 10.48, 10.48), 1),
        ((5.24 + 1e-9, 10.48 + 1e-9), (10.48, 10.48, 10.48), 1),
        ((3.36, 6.72), (3.36 * 2, 3.36 * 2, 3.36 * 2), 1),
        (((5.24, 4.0, 4.0), (5.24, 8.0, 8.0)), (5.24, 8.0, 8.0), 1),
        (((5.24, 4.0, 4.0), (5.24, 8.0, 8.0)), (5.24, 8.0, 4.0), 0),
        (((5.24, 4.0, 4.0), (10.48, 8.0, 8.0)), (5.24, 8.0, 8.0), 0),
    ],
    ids=[
        "equal", "between", "finer than all", "coarser than all", "any order", "any order, finer than all",
        "5.24", "float error", "3.36", "anisotropic", "one axis finer", "one axis coarser",
    ],
)  # fmt: skip
def test_the_coarsest_level_that_is_fine_enough_is_read(sizes, asked, level):
    """No axis may be coarser than asked for; where every level is, the finest is read."""
    assert choose_level(pyramid(*sizes), PatchSpec((64, 64, 64), asked)) == level


def test_a_volume_without_levels_is_refused():
    """There is nothing to choose from: an error, not an index."""
    with pytest.raises(ConfigurationError, match="at least one level"):
        choose_level([], PatchSpec((1, 1, 1), (1.0, 1.0, 1.0)))


@pytest.mark.parametrize("voxel", [0.0, -8.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", [PatchSpec, lambda shape, voxel: Lattice((0.0,) * 3, voxel, shape)])
def test_impossible_voxel_sizes_are_refused(kind, voxel):
    """A voxel has a positive, finite size."""
    with pytest.raises(ConfigurationError, match="must be positive"):
        kind((4, 4, 4), (8.0, voxel, 8.0))


def test_a_patch_has_voxels():
    """A patch of no voxels is refused."""
    with pytest.raises(ConfigurationError, match="at least 1 voxel"):
        PatchSpec((4, 0, 4), (8.0, 8.0, 8.0))


def test_a_layout_is_the_stored_lattice_where_sizes_agree():
    """Voxels that are stored are asked for where they are stored."""
    (level,) = pyramid(5.24)
    assert Source(level, PatchSpec((64,) * 3, (5.24 + 1e-12,) * 3)).layout == level


def test_a_layout_of_other_voxels_starts_at_the_lower_face():
    """Voxels of another size lie against the lower face of the stored box, as many as it holds."""
    level = Lattice((0.0, 0.0, 0.0), (4.0, 8.0, 8.0), (10, 10, 10))
    layout = Source(level, PatchSpec((2, 2, 2), (16.0, 8.0, 5.0))).layout
    assert layout == Lattice((6.0, 0.0, -1.5), (16.0, 8.0, 5.0), (2, 10, 16))
    assert layout.bounding_box.lo == level.bounding_box.lo


def source(n=(100, 20, 20), shape=(40, 10, 20), voxel=(8.0, 8.0, 8.0)) -> Source:
    return Source(Lattice((0.0,) * 3, voxel, n), PatchSpec(shape, voxel))


@pytest.mark.parametrize(
    ("motion", "fits"),
    [
        (Motion(), True),
        (Motion((0, 2, 1)), True),
        (Motion((1, 0, 2)), False),
        (Motion(flips=(True, True, True)), True),
        (Motion(matrix=((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))), False),
    ],
    ids=["still", "short axes", "long axis", "mirrored", "turned"],
)
def test_a_motion_fits_that_takes_nothing_from_outside(motion, fits):
    """The box around the moved patch must lie inside the stored one."""
    assert source().fits(source().lattice.bounding_box.centre, motion) is fits


def test_a_patch_that_is_padded_anyway_may_be_moved():
    """Where the patch sticks out as it is, no permutation is refused for sticking out."""
    assert source(n=(10, 10, 10)).fits((40.0, 40.0, 40.0), Motion((1, 0, 2)))


@pytest.mark.parametrize("s", [5.24, 3.36])
def test_a_patch_as_large_as_the_volume_fits_in_spite_of_float_error(s):
    """Faces that coincide but for the last bits do not make a patch stick out."""
    tight = source(n=(40, 10, 40), shape=(40, 10, 40), voxel=(s, s, s))
    assert tight.fits(tight.lattice.bounding_box.centre, Motion((2, 1, 0)))
