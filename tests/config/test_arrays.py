"""Array specifications."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.config import ArraySpec, parse_arrays
from cellmap_data.errors import ConfigurationError


@pytest.mark.parametrize(
    ("shape", "scale", "expected"),
    [
        pytest.param((4, 8, 8), (16, 8, 4), ((4, 8, 8), (16.0, 8.0, 4.0)), id="3-D"),
        pytest.param((8, 8), (16, 8, 4), ((1, 8, 8), (16.0, 8.0, 4.0)), id="2-D shape"),
        pytest.param((1, 8, 8), (8, 4), ((1, 8, 8), (None, 8.0, 4.0)), id="scale in the plane"),
        pytest.param(np.array([2, 3, 4]), np.float32([1, 2, 3]), ((2, 3, 4), (1.0, 2.0, 3.0)), id="numpy"),
    ],
)
def test_an_array_is_z_y_x_inside(shape, scale, expected) -> None:
    """Every form a user writes becomes three numbers of voxels and of nm."""
    inputs, targets = parse_arrays({"raw": {"shape": shape, "scale": scale}})
    assert inputs == (ArraySpec("raw", *expected),)
    assert targets == ()


def test_axes_of_one_voxel_are_left_out_and_put_back() -> None:
    """The delivered shape has no axes of one voxel, and a view gives them back without a copy."""
    spec = ArraySpec("raw", (1, 4, 5), (8.0, 8.0, 8.0))
    memory = np.zeros(spec.spatial)
    view = memory[spec.unsqueeze]
    assert memory.shape == (4, 5)
    assert view.shape == spec.shape
    assert np.shares_memory(memory, view)


def test_all_faults_are_reported_together() -> None:
    """One error names everything that is wrong with all the arrays."""
    good = {"shape": (4, 4, 4), "scale": (8, 8, 8)}
    with pytest.raises(ConfigurationError) as caught:
        parse_arrays(
            {
                "a": {"shape": (4, 4), "scale": (8,)},
                "b": {"shape": (4.5, 4, 4), "scale": (8, 8, 8)},
                "both": good,
            },
            {
                "c": {"shape": (4, 4, 4)},
                "d": {"shape": (4, 4, 4), "scale": (0, 8, 8)},
                "both": good,
                "idx": good,
            },
        )
    text = str(caught.value)
    for part in ("['a']['scale']", "['b']['shape']", "['c']", "['d']['scale']", "'both' names", "['idx']"):
        assert part in text


@pytest.mark.parametrize("arrays", [{}, None], ids=["empty", "missing"])
def test_there_must_be_an_input(arrays) -> None:
    """A sample without input is refused."""
    with pytest.raises(ConfigurationError, match="at least one input"):
        parse_arrays(arrays or {})


def test_a_plane_scale_needs_a_plane() -> None:
    """Two voxel sizes do not say how thick a volume's voxels are."""
    with pytest.raises(ConfigurationError, match="2-D shape"):
        parse_arrays({"raw": {"shape": (4, 4, 4), "scale": (8, 8)}})
