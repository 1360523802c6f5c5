"""Plugins that a dataset asks."""

from __future__ import annotations

import pickle
import typing
from dataclasses import dataclass

import numpy as np
import pytest

from cellmap_data import CellMapDataset, CellMapImage
from cellmap_data.errors import ConfigurationError, StoreError
from cellmap_data.sampler import Draw
from cellmap_data.spatial import Motion
from tests.dataset.truth import index_at, places, ramp_at
from tests.volumes import ramp, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


class Now:
    def result(self) -> None:
        """There at once."""


class Negative:
    """A reader of the negative of an array that starts at 0, whatever is stored."""

    shape, dtype = (16, 16, 16), np.dtype(np.int32)

    def read_into(self, box, out) -> Now:
        out[...] = -ramp(self.shape)[box]
        return Now()


class Upside:
    def draw(self, rng, patches, fits) -> Motion:
        return Motion(flips=(True, False, False))


class Plugins:
    def open_array(self, uri, context):
        return Negative() if context == "negative" and uri.endswith("/s0") else None

    def add_spatial_transforms(self, table) -> None:
        table["upside"] = lambda options: Upside()


class Manager:
    relay = Plugins()


class Foreign(Plugins):
    """A volume of a format of its own: no file, and everything that it says comes from a plugin."""

    attributes: typing.ClassVar = {
        "multiscales": [
            {
                "version": "0.4",
                "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
                "datasets": [
                    {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [8, 8, 8]}]}
                ],
            }
        ]
    }

    def open_array(self, uri, context):
        return {"foreign:/em": self, "foreign:/em/s0": Negative()}.get(uri)


class OnlyGroups(Foreign):
    def open_array(self, uri, context):
        return self


def test_a_plugin_reads_in_place_of_tensorstore(tmp_path) -> None:
    """What open_array answers describes and reads the array, also after pickling; declined paths are zarr."""
    path = write_multiscale(tmp_path, np.zeros((8, 8, 8), np.uint8))
    arguments = {"input_arrays": {"raw": CUBE}, "plugins": Plugins()}
    dataset = CellMapDataset(path, context="negative", **arguments)
    assert len(dataset) == 9**3
    for one in (dataset, pickle.loads(pickle.dumps(dataset))):
        np.testing.assert_array_equal(one[0]["raw"][0], -ramp((8, 8, 8)))
    assert not CellMapDataset(path, **arguments)[0]["raw"].any()


def test_a_plugin_brings_a_volume_with_metadata_of_its_own(tmp_path) -> None:
    """What open_array answers for a group says which arrays there are: nothing needs to be zarr."""
    dataset = CellMapDataset("foreign:/em", input_arrays={"raw": CUBE}, plugins=Foreign())
    assert len(dataset) == 9**3
    np.testing.assert_array_equal(dataset[0]["raw"][0], -ramp((8, 8, 8)))
    image = CellMapImage("foreign:/em", "raw", (8, 8, 8), (8, 8, 8), plugins=Foreign())
    np.testing.assert_array_equal(image[image.get_center(0)], -ramp((8, 8, 8)))


def test_a_group_is_no_array(tmp_path) -> None:
    """A plugin that answers with a group where an array is wanted is told so, with the path."""
    dataset = CellMapDataset("foreign:/em", input_arrays={"raw": CUBE}, plugins=OnlyGroups())
    with pytest.raises(StoreError, match=r"group where an array(?s:.)*foreign:/em/s0"):
        len(dataset)


def test_a_plugin_adds_a_spatial_transform(tmp_path) -> None:
    """What add_spatial_transforms puts into the table can be used by name; a manager stands for its relay."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8)))
    dataset = CellMapDataset(
        path, input_arrays={"raw": CUBE}, spatial_transforms={"upside": {}}, plugins=Manager()
    )
    np.testing.assert_array_equal(dataset[0]["raw"][0], ramp((8, 8, 8))[::-1])


@dataclass(frozen=True)
class Swirl:
    """Turns about z by an angle that falls with the distance from the axis: a map that is not linear."""

    angle: float
    reach = (0.0, 24.0, 24.0)

    def displacement(self, z, y, x):
        """As a complex number, along y and x."""
        place = y + 1j * x
        moved = place * np.exp(1j * self.angle * np.exp(-(np.abs(place) ** 2) / 400)) - place
        return np.zeros(()), moved.real, moved.imag


class Swirling:
    def draw(self, rng, patches, fits) -> Motion:
        return Motion(warps=(Swirl(0.5 + rng.random()),))


class Shearing:
    def draw(self, rng, patches, fits) -> Motion:
        return Motion(matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.5), (0.0, 0.0, 1.0)))


class Warping:
    def open_array(self, uri, context):
        """Leaves reading to others."""

    def add_spatial_transforms(self, table) -> None:
        table |= {"swirl": lambda options: Swirling(), "shear": lambda options: Shearing()}


def test_a_plugin_adds_maps_that_are_linear_and_not(tmp_path) -> None:
    """A shear and a swirl of a plugin act after a mirror, in one read: the ramp tells the mapped places."""
    voxel, shape = (16, 8, 8), (4, 9, 8)
    dataset = CellMapDataset(
        write_multiscale(tmp_path, ramp((24, 40, 40)), voxel),
        input_arrays={"raw": {"shape": shape, "scale": voxel}},
        spatial_transforms={"mirror": {"x": 1.0}, "swirl": {}, "shear": {}},
        plugins=Warping(),
        seed=1,
    )
    i = len(dataset) // 2
    centre = dataset.get_center(i)
    motion = dataset.recipe.motion(tuple(centre.values()), Draw(dataset.seed, dataset.epoch, i))
    z, y, x = places(dict.fromkeys("zyx", 0.0), shape, voxel)
    y, x = y - 0.5 * x, -x  # mirrored, then sheared
    swirl = next(warp.warp for warp in motion.warps)
    _, dy, dx = swirl.displacement(z, y, x)
    points = np.stack([z, y + dy, x + dx]) + np.reshape([*centre.values()], (3, 1, 1, 1))
    wanted = ramp_at(index_at(points, voxel, (0, 0, 0)))
    np.testing.assert_allclose(dataset[i]["raw"][0], wanted, atol=0.2)


def test_plugins_can_be_lent_and_taken_back(tmp_path) -> None:
    """What a loader lends is asked for readers from the next sample on, until it is taken back."""
    path = write_multiscale(tmp_path, ramp((16, 16, 16)))
    dataset = CellMapDataset(path, input_arrays={"raw": CUBE}, context="negative")
    np.testing.assert_array_equal(dataset[0]["raw"][0], ramp((8, 8, 8)))
    dataset.lend_plugins(Plugins())
    np.testing.assert_array_equal(dataset[0]["raw"][0], -ramp((8, 8, 8)))
    dataset.lend_plugins(None)
    np.testing.assert_array_equal(dataset[0]["raw"][0], ramp((8, 8, 8)))


@pytest.mark.parametrize(
    "plugins",
    [["acme.shear"], [Plugins()], "acme.shear", object()],
    ids=["names", "objects", "a name", "anything"],
)
def test_what_cannot_be_asked_is_refused(plugins):
    """When the dataset is made, with what to write instead; not with the first read."""
    with pytest.raises(ConfigurationError, match="build_manager"):
        CellMapDataset("raw.zarr", input_arrays={"raw": CUBE}, plugins=plugins)
