"""Motions in words."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.spatial import Motion
from cellmap_data.spatial.elastic import Spline
from cellmap_data.spatial.motion import as_matrix
from cellmap_data.spatial.transforms import rotation
from cellmap_data.spatial.words import in_words

SHEAR = as_matrix([[1, 0, 0.5], [0, 1, 0], [0, 0, 2]])


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        (Motion(), "none"),
        (Motion(flips=(True, False, True)), "z, x reversed"),
        (Motion((1, 0, 2)), "axes z, y, x run along y, z, x of the volume"),
        (Motion(matrix=SHEAR), "mapped by [(1, 0, 0.5); (0, 1, 0); (0, 0, 2)] over z, y, x"),
        (
            Motion((0, 2, 1), (False, True, False), warps=(Spline((9, 9, 9), (0, 3, 2.5), (3, 3, 3), 1),)),
            "spline of up to (0, 3, 2.5) nm along z, y, x; "
            "axes z, y, x run along z, x, y of the volume; y reversed",
        ),
    ],
    ids=["none", "mirror", "transpose", "linear", "all"],
)
def test_steps_are_told_in_order(motion, words):
    """What happens first is told first, with its numbers."""
    assert in_words(motion) == words


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("degrees", [30, -12.5, 179.5, 180])
def test_turns_are_told_in_degrees(axis, degrees):
    """As they are given to rotate: about the axis, right-handed; the other way is about the axis reversed."""
    words = in_words(Motion(matrix=as_matrix(rotation(axis, degrees))))
    direction = ["0", "0", "0"]
    direction[axis] = "1" if degrees > 0 else "-1"
    assert words == f"turned by {abs(degrees)} degrees about (z, y, x) = ({', '.join(direction)})"


def test_no_turn_is_a_turn_by_nothing():
    """Zero degrees are about any axis."""
    assert in_words(Motion(matrix=as_matrix(np.eye(3)))).startswith("turned by 0 degrees")
