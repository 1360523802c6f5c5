from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Motion
from tests.spatial.reference import motions, still_motions


def test_the_identity_moves_nothing():
    """The identity is the unit matrix and pure index arithmetic."""
    assert Motion.identity().matrix is None
    assert np.array_equal(Motion.identity().as_array(), np.eye(3))


def test_a_signed_permutation_sends_axes_of_the_sample_to_axes_of_the_world():
    """Axis a of the sample runs along axis perm[a] of the world, backwards where flipped."""
    motion = Motion((2, 0, 1), (False, True, False))
    assert motion.as_array() @ (1, 0, 0) == pytest.approx((0, 0, 1))
    assert motion.as_array() @ (0, 1, 0) == pytest.approx((-1, 0, 0))
    assert motion.as_array() @ (0, 0, 1) == pytest.approx((0, 1, 0))


@given(motions, motions)
def test_motions_compose_like_maps(first, second):
    """``first.then(second)`` is the map of the first followed by that of the second."""
    both = first.then(second)
    assert both.as_array() == pytest.approx(second.as_array() @ first.as_array())
    assert (both.matrix is None) == (first.matrix is None and second.matrix is None)


@given(motions, st.tuples(*[st.floats(0.1, 100)] * 3))
def test_the_extent_is_that_of_the_moved_corners(motion, size):
    """The upright box around a moved box reaches just to its outermost corners."""
    corners = (np.indices((2, 2, 2)).reshape(3, 8) - 0.5) * np.array(size)[:, None]
    assert motion.extent(size) == pytest.approx(np.ptp(motion.as_array() @ corners, axis=1))


@given(still_motions)
def test_motions_travel(motion):
    """A motion is a value: hashable, and equal after pickling."""
    assert pickle.loads(pickle.dumps(motion)) == motion
    assert hash(motion) == hash(Motion(motion.perm, motion.flips))


@pytest.mark.parametrize("perm", [(0, 0, 1), (0, 1, 3), (0, 1)])
def test_an_axis_is_used_once(perm):
    """What is no permutation is refused."""
    with pytest.raises(ConfigurationError, match="each axis once"):
        Motion(perm)


@pytest.mark.parametrize(
    "matrix",
    [
        ((1.0, 0.0, 0.0),) * 3,
        ((1.0, 0.0), (0.0, 1.0)),
        ((np.nan, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ],
    ids=["flat", "2-D", "NaN"],
)
def test_a_matrix_must_be_invertible(matrix):
    """A map that loses a dimension is no motion."""
    with pytest.raises(ConfigurationError, match="invertible"):
        Motion(matrix=matrix)
