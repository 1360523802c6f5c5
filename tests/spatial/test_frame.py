from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.spatial import Box, VoxelBox, edge_index, first_voxel, nearest_voxel, same_voxel_size

SIZES = (1.0, 3.36, 4.0, 5.24, 8.0, 16.0, 31.44)

sizes = st.sampled_from(SIZES)
origins = st.integers(-100_000, 100_000).map(lambda n: n * 0.62)
counts = st.integers(1, 100_000)
patches = st.integers(1, 512)
indices = st.integers(-1000, 100_000)


@pytest.mark.parametrize("s", [8.0, 5.24, 3.36])
def test_a_box_from_zero_holds_its_length_in_voxels(s):
    """Bounds (0, 200 s) on a lattice that starts at 0 are the voxels 0 .. 199."""
    assert [edge_index(x, 0.0, s) for x in (0.0, 200 * s)] == [0, 200]


@given(origins, sizes, counts)
def test_old_and_true_boxes_hold_all_voxels(t, s, n):
    """Boxes (t, t + N s) of older files and true bounding boxes both name exactly the N stored voxels."""
    old, true = (t, t + n * s), (t - s / 2, t + (n - 0.5) * s)
    assert [edge_index(x, t, s) for x in (*old, *true)] == [0, n, 0, n]


@given(origins, sizes, patches, indices)
def test_old_and_true_centres_name_the_same_voxels(t, s, p, k):
    """A patch from voxel k on is found by its middle and by the old centre, half a voxel further up."""
    assert first_voxel(t + (k + (p - 1) / 2) * s, t, s, p) == k
    assert first_voxel(t + (k + p / 2) * s, t, s, p) == k


@given(origins, sizes, patches, indices)
def test_centres_of_get_center_need_half_a_voxel_less(t, s, p, k):
    """Centres that were saved a whole voxel up name the next patch until s/2 is taken off."""
    saved = t + (k + p / 2) * s + s / 2
    assert first_voxel(saved, t, s, p) == k + 1
    assert first_voxel(saved - s / 2, t, s, p) == k


@given(origins, sizes, patches, indices, st.integers(-49, 49))
def test_a_patch_takes_the_nearest_voxels(t, s, p, k, hundredths):
    """A patch less than half a voxel off its place starts with the same voxel."""
    assert first_voxel(t + (k + (p - 1) / 2 + hundredths / 100) * s, t, s, p) == k


@pytest.mark.parametrize(
    ("x", "voxel"),
    [(0.5, 0), (1.5, 1), (2.5, 2), (-0.5, -1), (0.5009, 0), (0.502, 1), (0.4, 0)],
    ids=["half", "three halves", "even half", "negative", "within a thousandth", "beyond it", "plain"],
)
def test_ties_go_down(x, voxel):
    """Halfway between two voxels is the lower one, for odd and even alike."""
    assert nearest_voxel(x) == voxel


@pytest.mark.parametrize(
    ("s", "other", "p", "same"),
    [
        (8.0, 8.0, 4096, True),
        (8.0, 8.0006, 128, True),
        (8.0, 8.001, 128, False),
        (5.24, 5.2401, 400, True),
        (5.24, 5.24, 400, True),
        (4.0, 8.0, 1, False),
    ],
)
def test_voxel_sizes_are_equal_when_a_patch_does_not_drift(s, other, p, same):
    """Equal means that over the whole patch the voxels part by less than a hundredth of one."""
    assert same_voxel_size(s, other, p) is same


def test_boxes_measure_themselves():
    """A box knows its middle and its edges, and is found again around its middle."""
    box = Box((0.0, -2.0, 4.0), (4.0, 2.0, 20.0))
    assert (box.centre, box.extent) == ((2.0, 0.0, 12.0), (4.0, 4.0, 16.0))
    assert Box.around(box.centre, box.extent) == box


@pytest.mark.parametrize(
    ("hi", "slack", "inside"),
    [(4.0, 0.0, True), (4.1, 0.0, False), (4.1, 0.2, True)],
    ids=["closed", "sticks out", "within the slack"],
)
def test_boxes_contain_boxes(hi, slack, inside):
    """Boxes are closed, and may be stuck out of by no more than the slack."""
    box, other = Box((0.0,) * 3, (4.0,) * 3), Box((0.0,) * 3, (1.0, hi, 1.0))
    assert box.contains(other, (slack,) * 3) is inside


@pytest.mark.parametrize(
    ("lo", "hi", "clipped"),
    [
        ((1, 2, 3), (4, 5, 6), VoxelBox((1, 2, 3), (4, 5, 6))),
        ((-3, 0, 8), (2, 99, 12), VoxelBox((0, 0, 8), (2, 10, 10))),
        ((0, 0, 10), (5, 5, 12), VoxelBox((0, 0, 0), (0, 0, 0))),
        ((-9, 0, 0), (-5, 5, 5), VoxelBox((0, 0, 0), (0, 0, 0))),
    ],
    ids=["inside", "sticks out", "beyond", "before"],
)
def test_voxel_boxes_are_clipped_to_an_array(lo, hi, clipped):
    """Clipping leaves what exists; where nothing does, an empty box that every array can be read with."""
    box = VoxelBox(lo, hi).clipped((10, 10, 10))
    assert box == clipped
    assert box.empty is (clipped.hi == (0, 0, 0))
    assert box.slices == tuple(slice(a, b) for a, b in zip(clipped.lo, clipped.hi, strict=True))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(VoxelBox((0, 5, -2), (3, 9, 4)), VoxelBox((1, 5, 0), (3, 6, 4)), id="overlap"),
        pytest.param(VoxelBox((4, 2, 0), (9, 6, 7)), VoxelBox((0, 0, 0), (0, 0, 0)), id="touch"),
    ],
)
def test_two_boxes_have_voxels_in_common(other, expected):
    """Both ways the same, and counted from a corner of either."""
    box = VoxelBox((1, 2, 0), (4, 6, 7))
    assert box.common(other) == other.common(box) == expected
    assert expected.seen_from(other.lo).shifted(other.lo) == expected
