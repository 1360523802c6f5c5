"""Images of classes that nobody annotated."""

from __future__ import annotations

import inspect
import pickle
import tracemalloc

import pytest
import torch

from cellmap_data import CellMapImage, EmptyImage
from cellmap_data.errors import ConfigurationError
from tests.volumes import ramp, write_multiscale


def test_it_takes_what_an_image_takes() -> None:
    """The constructors have the same parameters in the same order with the same defaults."""
    ours, theirs = (inspect.signature(kind).parameters for kind in (EmptyImage, CellMapImage))
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        default = theirs[name].default
        assert parameter.kind is theirs[name].kind
        assert parameter.default == default or parameter.default != parameter.default != default


@pytest.mark.parametrize(
    ("shape", "axis_order"),
    [((2, 3, 4), "zyx"), ((4, 3, 2), "xyz"), ((3, 4), "zyx"), ((1, 3, 4), "zyx")],
    ids=str,
)
def test_a_patch_is_unknown_and_has_the_shape_of_an_images(shape, axis_order, tmp_path) -> None:
    """Reading anywhere gives NaN, float32, of the shape that an image with voxels gives."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8)))
    scale, centre = [8.0] * len(shape), {"z": 28.0, "y": 28.0, "x": 28.0}
    empty, image = (
        kind(path, "nuc", scale, shape, axis_order=axis_order) for kind in (EmptyImage, CellMapImage)
    )
    patch = empty[centre]
    assert patch.isnan().all()
    assert (patch.shape, patch.dtype) == (image[centre].shape, torch.float32)


def test_it_lies_nowhere_and_counts_nothing() -> None:
    """No boxes, no voxels, no positions, no levels; the path is never looked at."""
    image = EmptyImage("/nowhere", "nuc", (8, 8, 8), (4, 4, 4))
    assert image.bounding_box is image.sampling_box is None
    assert image.class_counts == image.total_voxels == image.scale_level == 0
    assert image._level_info == []
    with pytest.raises(IndexError):
        image.get_center(0)


def test_an_instance_costs_no_patch() -> None:
    """A thousand of them hold less than one patch, also after a read, and a patch is the reader's own."""
    tracemalloc.start()
    images = [EmptyImage("/nowhere", "nuc", (8, 8, 8), (128, 128, 128)) for _ in range(1000)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 128**3
    patch = images[0][{}]
    assert len(pickle.dumps(images[0])) < 2000
    patch[:] = 1
    assert images[0][{}].isnan().all()


@pytest.mark.parametrize(
    ("scale", "shape", "axis_order"),
    [((8, 8, 8), (4, 4, 0), "zyx"), ((8, 8, -8), (4, 4, 4), "zyx"), ((8, 8, 8), (4, 4, 4), "abc")],
    ids=["shape", "scale", "axes"],
)
def test_what_an_image_refuses_it_refuses(scale, shape, axis_order) -> None:
    """Shapes, scales and axes that cannot be right are errors here too."""
    for kind in (EmptyImage, CellMapImage):
        with pytest.raises(ConfigurationError):
            kind("/nowhere", "nuc", scale, shape, axis_order=axis_order)
