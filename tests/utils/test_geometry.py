"""Boxes by axis."""

from __future__ import annotations

import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.utils.geometry import box_intersection, box_shape, box_union


@pytest.mark.parametrize(
    ("a", "b", "shared"),
    [
        ({"z": (0, 10), "y": (0, 8)}, {"y": (4, 12), "z": (-5, 5)}, {"z": (0, 5), "y": (4, 8)}),
        ({"x": (0, 10)}, {"x": (2, 3)}, {"x": (2, 3)}),
        ({"x": (0, 10)}, {"x": (10, 20)}, None),
        ({"x": (0, 10)}, {"x": (11, 20)}, None),
        ({"x": (0, 10)}, {"x": (10, 10)}, {"x": (10, 10)}),
        ({"x": (5, 5)}, {"x": (5, 5)}, {"x": (5, 5)}),
        ({"x": (5, 5)}, {"x": (6, 6)}, None),
        ({"z": (0, 1), "x": (0, 10)}, {"x": (5, 20)}, {"x": (5, 10)}),
        ({"z": (0, 1)}, {"x": (0, 1)}, None),
        ({}, {"x": (0, 1)}, None),
    ],
    ids=[
        "overlap",
        "inside",
        "touch",
        "apart",
        "place on the border",
        "same place",
        "two places",
        "axis of one",
        "no common axis",
        "empty",
    ],
)
def test_intersection(a, b, shared) -> None:
    """What both have, and a sampling box of a single place is not lost."""
    assert box_intersection(a, b) == shared
    assert box_intersection(b, a) == shared


def test_union_is_around_both_with_the_axes_of_either() -> None:
    """Axes come in the order of the first box, whatever the hashes of their names are."""
    union = box_union({"z": (0, 10), "y": (1, 2)}, {"y": (-1, 1), "x": (5, 6)})
    assert list(union.items()) == [("z", (0, 10)), ("y", (-1, 2)), ("x", (5, 6))]


@pytest.mark.parametrize(
    ("extent", "size", "voxels"),
    [(1600, 8, 200), (1604, 8, 200), (1612, 8, 201), (1605, 8, 201), (3, 8, 1), (0, 8, 1), (524, 5.24, 100)],
)
def test_shape_counts_voxels_and_ties_go_down(extent, size, voxels) -> None:
    """As the one rule of rounding has it, not to the even number; a box holds one voxel at least."""
    assert box_shape({"x": (16, 16 + extent)}, {"x": size, "y": 1}) == {"x": voxels}


@pytest.mark.parametrize("scale", [{"y": 8}, {"x": 0}, {"x": -8}], ids=["missing", "zero", "negative"])
def test_shape_needs_a_voxel_size(scale) -> None:
    """The error names the axis."""
    with pytest.raises(ConfigurationError, match="along x"):
        box_shape({"x": (0, 8)}, scale)


@pytest.mark.parametrize("combine", [box_intersection, box_union])
def test_an_edge_is_a_place(combine) -> None:
    """NaN is none, and would be handed on unseen; infinity is."""
    whole = {"z": (float("-inf"), float("inf"))}
    assert combine(whole, {"z": (0, 8)}) in (whole, {"z": (0, 8)})
    with pytest.raises(ConfigurationError, match="nan"):
        combine({"z": (0, 8)}, {"z": (float("nan"), 8)})


@pytest.mark.parametrize("edge", [float("nan"), float("inf")], ids=str)
def test_what_has_no_end_is_not_counted(edge) -> None:
    """A box of endless edges holds no number of voxels."""
    with pytest.raises(ConfigurationError, match=f"has an end(?s:.)*{edge}"):
        box_shape({"z": (0, 8), "y": (0, edge)}, {"z": 8, "y": 8})
