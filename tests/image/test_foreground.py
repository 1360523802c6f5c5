"""Where classes show: blocks, their counts and one voxel of each, looked for once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellmap_data import CellMapImage
from cellmap_data.image import find_foreground
from cellmap_data.spatial import AXES, VoxelBox
from cellmap_data.storage import set_cache_budget
from tests.image.test_counting import CUBE, blobs, contents
from tests.volumes import write_multiscale

EVERYWHERE = VoxelBox((0, 0, 0), (10**6,) * 3)


def whole(path, shape, **options):
    """The labels at a path, and the box of all their voxels."""
    return CellMapImage(str(path), "nuc", *CUBE, **options).labels, EVERYWHERE.clipped(shape)


def check(found, shows: np.ndarray, block: int) -> None:
    """Each block that holds any of the class is there once, with its count and one of its voxels."""
    expected = {}
    for voxel in np.argwhere(shows):
        corner = tuple(voxel // block)
        expected[corner] = expected.get(corner, 0) + 1
    assert shows[tuple(found.voxels.T)].all()
    told = zip(map(tuple, found.voxels // block), found.counts.tolist(), strict=True)
    assert dict(told) == expected
    assert len(found.counts) == len(expected)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint64, np.int16, np.float32, np.bool_], ids=lambda d: d.__name__
)
@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_each_block_that_holds_the_class_is_found(dtype, block, tmp_path) -> None:
    """Blocks begin at the array's first voxel, those at the edges are smaller."""
    values = np.where(np.random.default_rng(3).random((20, 17, 9)) < 0.05, 1, 0).astype(dtype)
    path = write_multiscale(tmp_path / "nuc", values)
    (found,) = find_foreground([whole(path, values.shape)], block)
    check(found, values > 0, block)


@pytest.mark.parametrize("axes", ["xyz", "yzx"])
def test_voxels_are_told_in_z_y_x(axes, tmp_path) -> None:
    """However axes are stored, indices are z, y and x."""
    values = blobs(shape=(6, 9, 12))
    stored = values.transpose([AXES.index(axis) for axis in axes])
    path = write_multiscale(tmp_path / "nuc", stored, axes=axes)
    (found,) = find_foreground([whole(path, values.shape)], 4)
    check(found, values > 0, 4)


def test_what_is_no_number_and_what_is_negative_does_not_show(tmp_path) -> None:
    """NaN is unknown and negative labels are background."""
    values = np.array([np.nan, -1, 0, 1, 2, np.nan, 0.5, 0], np.float32).reshape(2, 2, 2)
    path = write_multiscale(tmp_path / "nuc", values)
    (found,) = find_foreground([whole(path, (2, 2, 2))], 8)
    assert found.counts.tolist() == [3]
    assert values[tuple(found.voxels[0])] > 0


def test_only_voxels_that_matter_are_looked_at(tmp_path) -> None:
    """Outside the box that is given nothing counts, in blocks that it cuts too."""
    values = np.ones((9, 9, 9), np.uint8)
    path = write_multiscale(tmp_path / "nuc", values)
    box = VoxelBox((1, 2, 3), (5, 9, 8))
    (found,) = find_foreground([(whole(path, values.shape)[0], box)], 4)
    inside = np.zeros_like(values)
    inside[box.slices] = 1
    check(found, inside > 0, 4)


def test_an_array_larger_than_what_is_read_at_a_time(tmp_path) -> None:
    """Parts neither overlap nor leave anything out, and cut no block, whatever its size."""
    values = np.zeros((1, 300, 280), np.uint16)
    values[0, ::37, ::41] = 1
    path = write_multiscale(tmp_path / "nuc", values, chunks=(1, 64, 64))
    for block in (48, 200):
        (found,) = find_foreground([whole(path, values.shape)], block)
        check(found, values > 0, block)


def test_what_was_found_is_not_looked_for_again(tmp_path, cache_folder) -> None:
    """The second time no array is opened, and the data stay as they were to the byte."""
    values = blobs()
    path = write_multiscale(tmp_path / "nuc", values)
    labels, box = whole(path, values.shape)
    before = contents(path)
    (found,) = find_foreground([(labels, box)], 4)
    assert contents(path) == before

    def fail(_) -> None:
        raise AssertionError("the array is opened")

    (again,) = find_foreground([(replace(labels, open=fail), box)], 4)
    assert (found.counts == again.counts).all()
    assert (found.voxels == again.voxels).all()
    with pytest.raises(AssertionError, match="is opened"):
        find_foreground([(replace(labels, open=fail), box)], 5)
    assert len(list(cache_folder.rglob("*.npy"))) == 1


@pytest.mark.parametrize(
    "content", [b"", b"no array", b"\x93NUMPY\x01\x00"], ids=["empty", "other", "cut off"]
)
def test_a_spoiled_file_is_looked_past(content, tmp_path, cache_folder) -> None:
    """What cannot be read is looked for again, and written anew."""
    values = blobs()
    path = write_multiscale(tmp_path / "nuc", values)
    find_foreground([whole(path, values.shape)], 4)
    (kept,) = cache_folder.rglob("*.npy")
    kept.write_bytes(content)
    (found,) = find_foreground([whole(path, values.shape)], 4)
    check(found, values > 0, 4)
    assert kept.read_bytes() != content


def test_a_changed_volume_is_looked_at_again(tmp_path) -> None:
    """What was found before labels were written anew is not found again."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    find_foreground([whole(path, blobs().shape)], 4)
    changed = blobs()[::-1].copy()
    write_multiscale(tmp_path / "nuc", changed)
    set_cache_budget(None)  # the next program has no decoded chunks of this one
    (found,) = find_foreground([whole(path, changed.shape)], 4)
    check(found, changed > 0, 4)
