"""Specifications of arrays, paths of targets, and draws of indices."""

from __future__ import annotations

import pytest
import torch

from cellmap_data.errors import ConfigurationError
from cellmap_data.utils.misc import (
    array_has_singleton_dim,
    get_sliced_shape,
    is_array_2D,
    longest_common_substring,
    min_redundant_inds,
    permute_singleton_dimension,
    split_target_path,
    torch_max_value,
)

PLANE = {"shape": (64, 32), "scale": (8, 4)}
THIN = {"shape": (1, 64, 32), "scale": (16, 8, 4)}
BLOCK = {"shape": (16, 64, 32), "scale": (16, 8, 4)}


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (torch.uint8, 255),
        (torch.int8, 127),
        (torch.uint16, 65_535),
        (torch.int16, 32_767),
        (torch.int32, 2**31 - 1),
        (torch.int64, 2**63 - 1),
        (torch.float32, 1),
        (torch.bfloat16, 1),
        (torch.bool, 1),
    ],
    ids=str,
)
def test_white_is_the_largest_integer_or_1(dtype, white) -> None:
    """Exactly, where a float could not hold it."""
    assert torch_max_value(dtype) == white


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [("jrc_hela-2", "jrc_hela-3", "jrc_hela-"), ("abc", "xyz", ""), ("ab__cd", "cd__ab", "ab")],
)
def test_longest_common_substring(a, b, common) -> None:
    """One run of characters that both have; the first in ``a`` of equal ones."""
    assert longest_common_substring(a, b) == common


def test_common_characters_of_long_texts_are_not_passed_over() -> None:
    """Paths of 200 characters and more are compared like short ones."""
    assert longest_common_substring("a" * 150, "b" + "a" * 300) == "a" * 150


@pytest.mark.parametrize(
    ("path", "template", "classes"),
    [
        ("c/labels/[mito,er]/s0", "c/labels/{label}/s0", ["mito", "er"]),
        ("s3://b/labels/[mito, er]", "s3://b/labels/{label}", ["mito", "er"]),
        ("c/labels/mito", "c/labels/mito", ["mito"]),
        ("c/labels/mito/", "c/labels/mito/", ["mito"]),
        ("mito", "mito", ["mito"]),
        ("c/labels/[]", "c/labels/{label}", []),
    ],
)
def test_targets_are_split_from_their_classes(path, template, classes) -> None:
    """The template takes the name of a class, without brackets there is one."""
    assert split_target_path(path) == (template, classes)


def test_a_class_without_a_name_is_refused() -> None:
    """Two commas in a row are a mistake."""
    with pytest.raises(ConfigurationError, match="without a name"):
        split_target_path("c/[mito,,er]")


@pytest.mark.parametrize("nothing", [None, {}], ids=["None", "empty"])
def test_nothing_is_neither_flat_nor_thin(nothing) -> None:
    """Datasets without targets ask too."""
    assert is_array_2D(nothing) is False
    assert array_has_singleton_dim(nothing) is False


def test_one_array_is_flat_or_thin() -> None:
    """Two numbers, or a 1 among them."""
    assert [is_array_2D(array) for array in (PLANE, THIN, BLOCK)] == [True, False, False]
    assert [array_has_singleton_dim(array) for array in (PLANE, THIN, BLOCK)] == [False, True, False]


def test_several_arrays_are_answered_one_by_one_or_together() -> None:
    """By name, or in one answer."""
    arrays = {"plane": PLANE, "thin": THIN}
    assert is_array_2D(arrays) == {"plane": True, "thin": False}
    assert is_array_2D(arrays, summary=any) is True
    assert is_array_2D(arrays, summary=all) is False
    assert array_has_singleton_dim(arrays) is True
    assert array_has_singleton_dim(arrays, summary=False) == {"plane": False, "thin": True}


@pytest.mark.parametrize(
    ("shape", "axis", "sliced"),
    [
        ((64, 32), 0, [1, 64, 32]),
        ((64, 32), 1, [64, 1, 32]),
        ((64, 32), 2, [64, 32, 1]),
        ((64, 32), -1, [64, 32, 1]),
        ((1, 64), 0, [1, 1, 64]),
        ((1, 64, 32), 2, [64, 32, 1]),
        ((64, 32, 1), 0, [1, 64, 32]),
        ((1, 1, 32), 1, [1, 1, 32]),
        ((16, 64, 32), 1, [16, 64, 32]),
    ],
)
def test_a_plane_is_laid_across_an_axis(shape, axis, sliced) -> None:
    """The plane keeps its order; a block has nothing to turn."""
    assert get_sliced_shape(shape, axis) == sliced


@pytest.mark.parametrize(("shape", "axis"), [((64, 32), 3), ((64, 32), -4), ((64,), 0), ((1, 1, 8, 8), 0)])
def test_there_are_three_axes(shape, axis) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigurationError, match="one of three axes"):
        get_sliced_shape(shape, axis)


@pytest.mark.parametrize(
    ("axis", "scale"), [(0, [8, 8, 4]), (1, [8, 8, 4]), (2, [8, 4, 8])], ids=["z", "y", "x"]
)
def test_arrays_are_turned_in_place_and_planes_keep_their_voxel_size(axis, scale) -> None:
    """A scale of two numbers stays with the plane; blocks beside it are left alone."""
    arrays = {"raw": dict(PLANE), "context": {"block": dict(BLOCK)}}
    permute_singleton_dimension(arrays, axis)
    assert arrays["raw"] == {"shape": get_sliced_shape((64, 32), axis), "scale": scale}
    assert arrays["context"]["block"] == {"shape": [16, 64, 32], "scale": [16, 8, 4]}


@pytest.mark.parametrize(("n", "k"), [(10, 10), (10, 4), (10, 25), (1, 3), (7, 0), (0, 0)])
def test_indices_come_again_only_when_all_have_come(n, k) -> None:
    """Counts of any two indices differ by one at most."""
    drawn = min_redundant_inds(n, k, replacement=False)
    assert drawn.shape == (k,)
    assert drawn.dtype == torch.int64
    counts = torch.bincount(drawn, minlength=n)
    assert k == 0 or counts.max() - counts.min() <= 1


@pytest.mark.parametrize("replacement", [True, False], ids=["replaced", "not replaced"])
def test_draws_follow_their_generator(replacement) -> None:
    """Equal seeds draw alike, others do not; what is drawn is shuffled."""

    def drawn(seed: int) -> list[int]:
        return min_redundant_inds(100, 100, replacement, torch.Generator().manual_seed(seed)).tolist()

    assert drawn(1) == drawn(1) != drawn(2)
    assert drawn(1) != sorted(drawn(1))


def test_with_replacement_indices_repeat() -> None:
    """A hundred draws of a hundred miss some."""
    drawn = min_redundant_inds(100, 100, True, torch.Generator().manual_seed(0))
    assert 0 <= drawn.min() <= drawn.max() < 100
    assert drawn.unique().numel() < 100


def test_ten_billion_positions_cost_nothing_to_draw_from() -> None:
    """Only what is drawn is made."""
    drawn = min_redundant_inds(10**10, 1000, replacement=False)
    assert drawn.unique().numel() == 1000
    assert drawn.max() > 2**32


@pytest.mark.parametrize(("n", "k"), [(0, 1), (5, -1)])
def test_there_must_be_something_to_draw(n, k) -> None:
    """The error says how many there are and how many were asked for."""
    with pytest.raises(ConfigurationError, match=f"n={n}, k={k}"):
        min_redundant_inds(n, k, replacement=False)
