"""Images: one volume, patch by patch."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from cellmap_data import CellMapImage
from cellmap_data.errors import ConfigurationError, StoreNotFoundError
from tests.volumes import ramp, write_multiscale


@pytest.fixture
def path(tmp_path) -> str:
    return write_multiscale(tmp_path, ramp((40, 48, 64)), voxel=(16, 8, 8), origin=(0, 4, 100), levels=3)


def test_an_image_reads_the_voxels_around_a_place(path) -> None:
    """image[{axis: nm}] is the patch whose middle lies there, float32."""
    image = CellMapImage(path, "raw", (16, 8, 8), (4, 6, 8))
    centre = image.get_center(0)
    assert centre == {"z": 24.0, "y": 24.0, "x": 128.0}
    patch = image[centre]
    assert patch.dtype == torch.float32
    np.testing.assert_array_equal(patch, ramp((40, 48, 64))[:4, :6, :8])


def test_an_image_snaps_to_the_nearest_voxels(path) -> None:
    """A place between voxels is moved to the nearest, ties down, also with linear interpolation."""
    image = CellMapImage(path, "raw", (16, 8, 8), (4, 6, 8), interpolation="linear")
    centre = image.get_center(100)
    near = {axis: nm + 3.9 for axis, nm in centre.items()}
    assert image[near].equal(image[centre])
    tie = centre | {"x": centre["x"] + 4}
    assert image[tie].equal(image[centre])


@pytest.mark.parametrize(
    ("scale", "level"),
    [
        ((16, 8, 8), 0),
        ((32, 16, 16), 1),
        ((40, 16, 16), 1),
        ((32, 16, 8), 0),
        ((999, 999, 999), 2),
        ((1, 1, 1), 0),
    ],
    ids=str,
)
def test_the_coarsest_level_that_is_fine_enough_is_read(scale, level, path) -> None:
    """The level is the coarsest that is not coarser than asked along any axis, else the finest."""
    assert CellMapImage(path, "raw", scale, (4, 4, 4)).scale_level == level


def test_an_image_tells_where_it_is(path) -> None:
    """Boxes are nm: faces of the outermost voxels, and the centres a patch may have."""
    image = CellMapImage(path, "raw", (16, 8, 8), (4, 6, 8))
    assert image.bounding_box == {"z": (-8.0, 632.0), "y": (0.0, 384.0), "x": (96.0, 608.0)}
    assert image.sampling_box == {"z": (24.0, 600.0), "y": (24.0, 360.0), "x": (128.0, 576.0)}
    assert image.total_voxels == 40 * 48 * 64
    assert image._level_info[1] == (
        "s1",
        {"z": 32.0, "y": 16.0, "x": 16.0},
        {"z": 8.0, "y": 8.0, "x": 104.0},
    )
    with pytest.raises(IndexError):
        image.get_center(37 * 43 * 57)
    with pytest.raises(TypeError, match="whole number"):
        image.get_center(1.5)


@pytest.mark.parametrize("place", [{"z": float("nan"), "y": 0, "x": 0}, {"z": 0, "y": 0}, 5], ids=repr)
def test_what_is_no_place_is_refused(place, path) -> None:
    """Before anything is read."""
    with pytest.raises(ConfigurationError, match="coordinate"):
        CellMapImage(path, "raw", (16, 8, 8), (4, 6, 8))[place]


@pytest.mark.parametrize("value", [float("nan"), -1.0])
def test_what_lies_outside_is_the_pad_value(value, path) -> None:
    """A patch that sticks out holds the pad value there."""
    image = CellMapImage(path, "raw", (16, 8, 8), (4, 4, 4), pad_value=value)
    patch = image[{"z": 0.0, "y": 0.0, "x": 96.0}]
    expected = np.full((4, 4, 4), value, np.float32)
    expected[2:, 2:, 2:] = ramp((40, 48, 64))[:2, :2, :2]
    np.testing.assert_array_equal(patch, expected)


@pytest.mark.parametrize(
    ("stored", "interpolation", "delivered"),
    [
        (np.uint8, "nearest", torch.float32),
        (np.uint64, "nearest", torch.float64),
        (np.uint64, "linear", torch.float32),
    ],
)
def test_large_ids_are_kept(stored, interpolation, delivered, tmp_path) -> None:
    """Integers of 32 and 64 bit come as float64 unless they are interpolated."""
    path = write_multiscale(tmp_path, np.ones((8, 8, 8)), dtype=stored)
    image = CellMapImage(path, "id", (8, 8, 8), (4, 4, 4), interpolation=interpolation)
    assert image[image.get_center(0)].dtype == delivered


def test_axes_may_have_another_order(path) -> None:
    """With axis_order="xyz" arguments and patches have that order."""
    plain = CellMapImage(path, "raw", (16, 8, 8), (4, 6, 9))
    turned = CellMapImage(path, "raw", (8, 8, 16), (9, 6, 4), axis_order="xyz")
    centre = plain.get_center(5)
    assert turned[centre].shape == (9, 6, 4)
    assert turned[centre].equal(plain[centre].permute(2, 1, 0))


@pytest.mark.parametrize("axis_order", ["zyx", "yx"])
def test_a_plane_may_be_asked_for_by_two_numbers(axis_order, path) -> None:
    """Two numbers are a plane, as thick as the stored voxels are."""
    image = CellMapImage(path, "raw", (8, 8), (6, 8), axis_order=axis_order)
    np.testing.assert_array_equal(image[image.get_center(0)], ramp((40, 48, 64))[0, :6, :8])


def test_stored_axes_follow_the_metadata(tmp_path) -> None:
    """An array stored as t, c, x, z, y gives z, y, x patches."""
    values = ramp((10, 12, 14))
    stored = values.transpose(2, 0, 1)[None, None]
    path = write_multiscale(
        tmp_path,
        stored,
        voxel=(1, 1, 4, 16, 8),
        origin=(0, 0, 40, 160, 80),
        chunks=(1, 1, 8, 8, 8),
        axes="tcxzy",
    )
    image = CellMapImage(path, "raw", (16, 8, 4), (4, 5, 6))
    assert image.sampling_box == {"z": (184.0, 280.0), "y": (96.0, 152.0), "x": (50.0, 82.0)}
    np.testing.assert_array_equal(image[image.get_center(0)], values[:4, :5, :6])
    moved = CellMapImage(path, "raw", (16, 8, 8), (4, 5, 3), interpolation="linear")
    expected = values[:4, :5, :6].reshape(4, 5, 3, 2).mean(axis=3)
    np.testing.assert_allclose(moved[moved.get_center(0)], expected)


def test_a_place_needs_a_coordinate_along_each_stored_axis(path, tmp_path) -> None:
    """A missing coordinate is an error, but along z of an image that has no z."""
    with pytest.raises(ConfigurationError, match="each axis"):
        _ = CellMapImage(path, "raw", (16, 8, 8), (4, 4, 4))[{"z": 100.0, "y": 100.0}]
    plane = write_multiscale(tmp_path / "plane", ramp((16, 16)))
    image = CellMapImage(plane, "raw", (8, 8), (4, 4))
    np.testing.assert_array_equal(image[{"y": 12.0, "x": 12.0}], ramp((16, 16))[:4, :4])


def test_a_value_transform_sees_stored_values(tmp_path) -> None:
    """A transform gets the patch as stored; what lies outside is filled in afterwards."""
    path = write_multiscale(tmp_path, np.full((8, 8, 8), 255, np.uint8))
    image = CellMapImage(
        path,
        "raw",
        (8, 8, 8),
        (4, 4, 4),
        pad_value=-1,
        value_transform=lambda x: x.float() / torch.iinfo(x.dtype).max,
    )
    assert image[{"z": -4.0, "y": 28.0, "x": 28.0}].unique().tolist() == [-1.0, 1.0]


def test_an_image_is_pickled_as_a_spec(path) -> None:
    """A used image travels and reads on."""
    image = CellMapImage(path, "raw", (16, 8, 8), (4, 4, 4))
    patch = image[image.get_center(7)]
    assert pickle.loads(pickle.dumps(image))[image.get_center(7)].equal(patch)


def test_making_an_image_opens_nothing(tmp_path) -> None:
    """A missing volume is an error of the first question, which names the path."""
    image = CellMapImage(str(tmp_path / "nothing"), "raw", (8, 8, 8), (4, 4, 4))
    with pytest.raises(StoreNotFoundError, match=str(tmp_path / "nothing")):
        _ = image.bounding_box


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"interpolation": "cubic"}, "'nearest' or 'linear'"),
        ({"axis_order": "zzx"}, "axes"),
        ({"axis_order": "yx"}, "axes"),
        ({"target_scale": (8, 8, 0)}, "scale"),
    ],
    ids=["interpolation", "axes twice", "too few axes", "scale"],
)
def test_arguments_that_cannot_be_right_are_refused(change, match) -> None:
    """What needs no file to be known wrong is an error of the constructor."""
    arguments = {"target_scale": (8, 8, 8), "target_voxel_shape": (4, 4, 4)} | change
    with pytest.raises(ConfigurationError, match=match):
        CellMapImage("path", "raw", **arguments)
