"""What programs rely on when they write a volume of their own."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
import zarr

from cellmap_data import CellMapImage, ImageWriter
from cellmap_data.testing import ramp

BOX = dict.fromkeys("zyx", (0, 1600))
OLDER = [
    ("path", inspect.Parameter.empty),
    ("target_class", inspect.Parameter.empty),
    ("scale", inspect.Parameter.empty),
    ("bounding_box", inspect.Parameter.empty),
    ("write_voxel_shape", inspect.Parameter.empty),
    ("scale_level", 0),
    ("axis_order", "zyx"),
    ("context", None),
    ("overwrite", False),
    ("dtype", np.float32),
    ("fill_value", 0),
]


def make(path, *, box=BOX, **options) -> ImageWriter:
    return ImageWriter(str(path), "mito", (8, 8, 8), box, (64, 64, 64), **options)


def stored(path, level="s0") -> np.ndarray:
    return zarr.open_group(str(path), mode="r")[level][...]


def test_arguments_are_those_of_earlier_releases() -> None:
    """Names, order and defaults of the arguments are as they were; new ones go by name."""
    parameters = list(inspect.signature(ImageWriter).parameters.values())
    assert [(one.name, one.default) for one in parameters[: len(OLDER)]] == OLDER
    assert {one.kind for one in parameters[len(OLDER) :]} == {inspect.Parameter.KEYWORD_ONLY}


def test_bounds_hold_the_voxels_that_they_held(tmp_path) -> None:
    """Bounds (0, 1600) at 8 nm are 200 voxels, the first of which is centred at 0."""
    writer = make(tmp_path / "mito")
    assert writer.shape == {"z": 200, "y": 200, "x": 200}
    assert writer.offset == {"z": 0, "y": 0, "x": 0}
    assert list(writer.chunk_shape) == [64, 64, 64]
    assert writer.array_path == str(tmp_path / "mito" / "s0")
    (dataset,) = zarr.open_group(str(tmp_path / "mito"), mode="r").attrs["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"] == [
        {"type": "scale", "scale": [8, 8, 8]},
        {"type": "translation", "translation": [0, 0, 0]},
    ]


@pytest.mark.parametrize("t", [0, 104, 8.5, 3.0], ids=str)
def test_older_boxes_begin_at_their_lower_edge(t, tmp_path) -> None:
    """A box (t, t + N s) is N voxels, of which the first is centred at t, unless t is half a voxel off 0."""
    box = dict.fromkeys("zyx", (t, t + 20 * 8))
    writer = make(tmp_path, box=box)
    assert (writer.offset["z"], writer.shape["z"]) == (t, 20)


@pytest.mark.parametrize("half", [0, 4], ids=["older centres", "middles"])
def test_centres_name_blocks(half, tmp_path) -> None:
    """A tile is named by the middle of the space it covers; older centres, half a voxel up, give the same."""
    writer = make(tmp_path)
    values = ramp((64, 64, 64)) + 1
    writer[{"z": 256 - half, "y": 768 - half, "x": 1280 - half}] = values
    found = stored(tmp_path)
    assert np.array_equal(found[:64, 64:128, 128:192], values)
    assert np.count_nonzero(found) == 64**3


def test_a_batch_is_written_and_read_back(tmp_path) -> None:
    """Lists of centres go with a batch, and the same index reads it back as a tensor."""
    writer = make(tmp_path)
    centres = {"z": [252.0, 764.0], "y": [252.0, 252.0], "x": [252.0, 1276.0]}
    batch = torch.rand(2, 64, 64, 64)
    writer[centres] = batch
    assert torch.equal(writer[centres], batch)
    one = {axis: places[0] for axis, places in centres.items()}
    assert torch.equal(writer[one], batch[0])
    writer[one] = batch[1][None]  # a channel axis of one is no matter
    assert torch.equal(writer[one], batch[1])


def test_odd_blocks_are_written_in_place(tmp_path) -> None:
    """Blocks of odd and even length begin at the voxel their centre says, never one later."""
    for n in (1, 3, 5, 8):
        box = dict.fromkeys("zyx", (0, 8 * 4 * n))
        writer = ImageWriter(str(tmp_path / str(n)), "mito", (8, 8, 8), box, (n, n, n))
        for k in (0, 1, 3):
            writer[dict.fromkeys("zyx", (k * n + (n - 1) / 2) * 8)] = np.full((n, n, n), k + 1)
            inner = (slice(k * n, k * n + n),) * 3
            assert (stored(tmp_path / str(n))[inner] == k + 1).all()
            assert np.count_nonzero(stored(tmp_path / str(n)) == k + 1) == n**3


def test_output_that_is_there_is_not_reopened(tmp_path) -> None:
    """``overwrite=False`` refuses with FileExistsError; ``resume=True`` goes on; a shared run_id joins."""
    writer = make(tmp_path, run_id="job")
    centre = dict.fromkeys("zyx", 252.0)
    writer[centre] = torch.ones(64, 64, 64)
    with pytest.raises(FileExistsError, match=r"resume=True(?s:.)*overwrite=True"):
        make(tmp_path)
    assert (make(tmp_path, run_id="job")[centre] == 1).all()
    assert (make(tmp_path, resume=True)[centre] == 1).all()
    assert (make(tmp_path, overwrite=True)[centre] == 0).all()


def test_multi_channel_output_is_not_lost(tmp_path) -> None:
    """All channels of a patch are stored."""
    writer = make(tmp_path, channels=3, dtype=np.uint8)
    centre = dict.fromkeys("zyx", 252.0)
    patch = torch.randint(0, 255, (3, 64, 64, 64), dtype=torch.uint8)
    writer[centre] = patch
    assert torch.equal(writer[centre], patch)
    assert np.array_equal(stored(tmp_path)[:, :64, :64, :64], patch.numpy())


def test_an_image_reads_what_was_written(tmp_path) -> None:
    """What was written around a place is what an image shows there."""
    writer = make(tmp_path, scale_level=2)
    centre = {"z": 300.0, "y": 555.0, "x": 801.0}
    patch = torch.rand(64, 64, 64)
    writer[centre] = patch
    assert writer.array_path.endswith("/s2")
    assert torch.equal(CellMapImage(str(tmp_path), "mito", (8, 8, 8), (64, 64, 64))[centre], patch)
