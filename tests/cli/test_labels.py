"""Classes, threshold and score of the demo, on arrays small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.cli.demo.labels import class_masks, dice, otsu_threshold


def test_a_boundary_lies_on_both_sides_of_a_face() -> None:
    """Touching nuclei are parted, and the rim of a nucleus has one voxel inside and one outside."""
    instances = np.array([[[1, 1, 1, 2, 2, 2, 0, 0]]])
    nuclei, boundary = class_masks(instances)
    assert nuclei[0, 0].tolist() == [True] * 6 + [False] * 2
    assert boundary[0, 0].tolist() == [False, False, True, True, False, True, True, False]


@pytest.mark.parametrize("axis", [0, 1, 2], ids="zyx")
def test_boundaries_are_found_along_every_axis(axis: int) -> None:
    """No axis is forgotten or exchanged."""
    instances = np.zeros((4, 4, 4), dtype=np.uint32)
    np.moveaxis(instances, axis, 0)[:2] = 7
    boundary = np.moveaxis(class_masks(instances)[1], axis, 0)
    assert boundary[1:3].all()
    assert not boundary[[0, 3]].any()


def test_otsu_separates_two_groups() -> None:
    """The threshold lies between dark and bright, wherever they are."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(100, 10, 900), rng.normal(300, 20, 100)])
    assert 130 < otsu_threshold(values) < 240


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [([1, 1, 0, 0], [1, 0, 0, 0], 2 / 3), ([0, 0], [0, 0], 1.0), ([1, 0], [0, 1], 0.0)],
    ids=["half right", "both empty", "disjoint"],
)
def test_dice(prediction: list[int], truth: list[int], expected: float) -> None:
    """Twice the overlap over the sum of the sizes."""
    assert dice(np.array(prediction, bool), np.array(truth, bool)) == pytest.approx(expected)
