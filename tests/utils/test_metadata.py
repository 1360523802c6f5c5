"""Metadata that this package writes is what it reads, and what the format asks for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from cellmap_data.errors import ConfigurationError, StoreNotFoundError
from cellmap_data.ngff import parse_multiscale
from cellmap_data.utils.metadata import (
    add_multiscale_metadata_levels,
    create_multiscale_metadata,
    find_level,
    generate_base_multiscales_metadata,
    write_metadata,
)
from tests.volumes import write_multiscale

ZYX = ("z", "y", "x")


def test_one_level_is_where_it_was_said_to_be() -> None:
    """Our own reader finds voxel size and translation, in nm."""
    attributes = generate_base_multiscales_metadata("em", 2, [1, 2, 3], [4, 5, 6], "micrometer", ZYX)
    (level,) = parse_multiscale("em", attributes).levels
    assert (level.path, level.scale, level.translation) == ("s2", (1e3, 2e3, 3e3), (4e3, 5e3, 6e3))
    assert attributes["multiscales"][0]["version"] == "0.4"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("em", "em"),
        ("/data/jrc.zarr/recon-1/em", "/recon-1/em"),
        ("/data/a.zarr/b.zarr/labels", "/labels"),
        ("/data/jrc.zarr", "jrc"),
        ("/data/my.zarrays/em", "/data/my.zarrays/em"),
    ],
)
def test_a_volume_is_named_by_its_place_in_the_store(given, name) -> None:
    """What follows the store, or the store where nothing does."""
    attributes = generate_base_multiscales_metadata(given, 0, [8] * 3, [0] * 3, "nanometer", ZYX)
    assert attributes["multiscales"][0]["name"] == name


def test_levels_double_the_voxels_of_the_one_before() -> None:
    """A volume downsampled by means of 2 x 2 x 2 voxels has exactly this metadata."""
    made = create_multiscale_metadata("em", [8, 4, 2], [100, 50, 0], "nanometer", ZYX, levels_to_add=3)
    levels = parse_multiscale("em", made).levels
    assert [level.path for level in levels] == ["s0", "s1", "s2", "s3"]
    assert [level.scale for level in levels] == [(8, 4, 2), (16, 8, 4), (32, 16, 8), (64, 32, 16)]
    assert [level.translation for level in levels] == [
        (100, 50, 0),
        (104, 52, 1),
        (112, 56, 3),
        (128, 64, 7),
    ]


def test_added_levels_lie_where_the_test_volumes_have_theirs(tmp_path) -> None:
    """Two writers, one geometry."""
    path = write_multiscale(tmp_path, np.zeros((16, 16, 16), np.uint8), (8, 4, 2), (100, 50, 0), levels=3)
    written = parse_multiscale(path, dict(zarr.open_group(path, mode="r").attrs))
    made = create_multiscale_metadata("em", [8, 4, 2], [100, 50, 0], "nanometer", ZYX, levels_to_add=2)
    assert parse_multiscale("em", made).levels == written.levels


def test_levels_can_be_added_to_any_level_again_and_again() -> None:
    """The numbers of the paths, and the sizes, go on from the level that is named; the mapping is changed."""
    attributes = create_multiscale_metadata("em", [8] * 3, [0] * 3, "nanometer", ZYX, base_scale_level=1)
    assert add_multiscale_metadata_levels(attributes, 1, 1) is attributes
    add_multiscale_metadata_levels(attributes, 2, 1)
    levels = parse_multiscale("em", attributes).levels
    assert [(level.path, level.scale[0], level.translation[0]) for level in levels] == [
        ("s1", 8, 0),
        ("s2", 16, 4),
        ("s3", 32, 12),
    ]


def test_channels_and_times_are_no_space() -> None:
    """They have no unit of length, and levels leave them as they are."""
    axes = ("t", "c", "y", "x")
    made = create_multiscale_metadata("em", [1, 1, 8, 8], [0] * 4, "nanometer", axes, levels_to_add=1)
    volume = parse_multiscale("em", made)
    assert [axis.kind for axis in volume.axes] == ["time", "channel", "space", "space"]
    assert volume.levels[1].scale == (1, 1, 16, 16)
    assert volume.levels[1].translation == (0, 0, 4, 4)
    assert "unit" not in made["multiscales"][0]["axes"][0]


def test_a_level_to_start_from_must_be_there() -> None:
    """The error names it, and those that are there."""
    attributes = create_multiscale_metadata("em", [8] * 3, [0] * 3, "nanometer", ZYX)
    with pytest.raises(ConfigurationError, match=r"(?s)s3 with a scale.*\['s0'\]"):
        add_multiscale_metadata_levels(attributes, 3, 1)


def test_each_axis_has_its_numbers() -> None:
    """Two voxel sizes for three axes are refused."""
    with pytest.raises(ConfigurationError, match="3 of each"):
        create_multiscale_metadata("em", [8, 8], [0, 0, 0], "nanometer", ZYX)


def test_written_metadata_is_read_back(tmp_path) -> None:
    """As JSON, numpy's numbers included, in place of what was there."""
    target = tmp_path / ".zattrs"
    write_metadata({"old": "x" * 10_000}, target)
    made = create_multiscale_metadata(
        "em", np.float32([8, 8, 8]), np.array([0, 1, 2]), "nanometer", ZYX, out_path=target
    )
    assert json.loads(target.read_text()) == made


@pytest.mark.parametrize(
    ("target", "level"),
    [
        ((8, 8, 8), "s0"),
        ((16, 16, 16), "s1"),
        ((15.99, 16, 16), "s0"),
        ((16.00001, 16, 16), "s1"),
        ((15.99999, 16, 16), "s1"),
        ((40, 40, 40), "s2"),
        ((8, 32, 32), "s0"),
        ((4, 4, 4), "s0"),
    ],
    ids=str,
)
def test_the_coarsest_level_that_is_fine_enough(target, level, tmp_path) -> None:
    """Not coarser along any axis; float error does not count; the finest where all are coarser."""
    path = write_multiscale(tmp_path, np.zeros((16, 16, 16), np.uint8), (8, 8, 8), levels=3)
    assert find_level(path, dict(zip("zyx", target, strict=True))) == level


def test_axes_may_come_in_any_order_and_z_may_be_left_out(tmp_path) -> None:
    """Sizes belong to names."""
    path = write_multiscale(tmp_path, np.zeros((16, 16, 16), np.uint8), (32, 8, 8), levels=2)
    assert find_level(path, {"x": 16, "y": 16, "z": 32}) == "s0"
    assert find_level(path, {"x": 16, "y": 16, "z": 64}) == "s1"
    assert find_level(path, {"x": 16, "y": 16}) == "s1"


@pytest.mark.parametrize("target", [{"z": 8, "y": 8}, {"x": 8, "y": 8, "t": 1}, {}], ids=str)
def test_other_axes_are_refused(target, tmp_path) -> None:
    """The error says which there are."""
    with pytest.raises(ConfigurationError, match="the axes z, y, x"):
        find_level(str(tmp_path), target)


def test_a_volume_that_is_not_there_is_named(tmp_path) -> None:
    """The path is in the error."""
    with pytest.raises(StoreNotFoundError, match="nowhere"):
        find_level(str(tmp_path / "nowhere"), {"z": 8, "y": 8, "x": 8})
