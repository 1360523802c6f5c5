"""Patches that are written lie where they were written."""

from __future__ import annotations

import math
import pickle
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from yaozarrs import validate_zarr_store

from cellmap_data import CellMapDataset, CellMapImage, ImageWriter
from cellmap_data.errors import ConfigurationError
from cellmap_data.ngff import format_violations
from cellmap_data.spatial import VoxelBox
from cellmap_data.storage import read_attributes
from tests.image_writer.outputs import CUBE, FORMATS, fill, make, ramp_of, stored

FORMAT = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)


@FORMAT
def test_what_is_written_is_read_by_everybody(options, tmp_path) -> None:
    """A volume written in blocks is the same for zarr, for an image and for a dataset."""
    path = tmp_path / "out.zarr" / "pred" / "mito"
    writer = make(path, **options)
    values = ramp_of(writer)
    fill(writer, values)
    assert np.array_equal(stored(path), values)
    centre = dict(zip("zyx", writer.lattice.bounding_box.centre, strict=True))
    image = CellMapImage(str(path), "mito", (8, 8, 8), (20, 20, 20))
    assert np.array_equal(image[centre].numpy(), values)
    array = {"raw": {"shape": (20, 20, 20), "scale": (8, 8, 8)}}
    dataset = CellMapDataset(str(path), "", [], array, {}, raw_value_transforms=torch.nn.Identity())
    assert np.array_equal(dataset[0]["raw"][0].numpy(), values)


@FORMAT
def test_the_store_is_valid(options, tmp_path) -> None:
    """The metadata is as the format wants it, and zarr finds the array from the root of the store."""
    path = tmp_path / "out.zarr" / "pred" / "mito"
    make(path, levels=2, **options).finish()
    assert format_violations(read_attributes(str(path))) == []
    validate_zarr_store(str(path))
    root = zarr.open_group(str(tmp_path / "out.zarr"), mode="r")
    assert root["pred/mito/s1"].shape == (10, 10, 10)
    assert sorted(name for name, _ in root["pred/mito"].members()) == ["s0", "s1"]


@FORMAT
def test_a_block_is_one_object(options, tmp_path) -> None:
    """Writers of two blocks never write the same file."""
    writer = make(tmp_path / "out.zarr", **options)
    before = files(tmp_path)
    seen: set[Path] = set()
    for block in writer.blocks:
        writer.write(block, np.ones(block.shape))
        new = files(tmp_path) - before - seen
        assert len(new) == 1
        seen |= new


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


SIZES = st.sampled_from([8.0, 5.24, 3.36, 4.0, 40.0])


@st.composite
def layouts(draw):
    """A box at any place, of any voxel size, in any blocks, with or without shards."""
    scale = draw(st.tuples(SIZES, SIZES, SIZES))
    first = draw(st.tuples(*[st.integers(-300, 300)] * 3))
    shape = draw(st.tuples(*[st.integers(1, 13)] * 3))
    chunk = draw(st.tuples(*[st.integers(1, 4)] * 3))
    times = draw(st.tuples(*[st.integers(1, 3)] * 3))
    half = draw(st.booleans())  # edges on the borders of voxels, or on their centres
    lows = [(k - half / 2) * s for k, s in zip(first, scale, strict=True)]
    box = {axis: (lo, lo + n * s) for axis, lo, n, s in zip("zyx", lows, shape, scale, strict=True)}
    block = tuple(c * k for c, k in zip(chunk, times, strict=True))
    return scale, first, shape, chunk, block, box


@settings(max_examples=20)
@given(layout=layouts())
def test_blocks_cover_every_voxel_once(layout) -> None:
    """For any bounds, voxel size, blocks and chunks: each voxel is in one block, none is outside."""
    scale, first, shape, chunk, block, box = layout
    with tempfile.TemporaryDirectory() as folder:
        writer = make(folder, box=box, block=block, scale=scale, ngff="0.5", chunk_shape=chunk)
        assert writer.lattice.shape == shape
        assert writer.lattice.origin == pytest.approx([k * s for k, s in zip(first, scale, strict=True)])
        counts = np.zeros(shape, int)
        for part in writer.blocks:
            counts[part.slices] += 1
            assert counts[part.slices].shape == part.shape
        assert (counts == 1).all()
        values = ramp_of(writer) + 1
        fill(writer, values)
        assert np.array_equal(stored(folder), values)


@settings(max_examples=40)
@given(layout=layouts(), data=st.data())
def test_places_are_those_of_an_image(layout, data) -> None:
    """A patch written at any centre is read there by an image, and nothing else was touched."""
    scale, _, shape, _, block, box = layout
    offsets = data.draw(st.tuples(*[st.integers(-3, 14)] * 3))
    with tempfile.TemporaryDirectory() as folder:
        writer = make(folder, box=box, block=block, scale=scale, fill_value=-1)
        centre = {
            axis: t + (k + (n - 1) / 2) * s
            for axis, t, k, n, s in zip("zyx", writer.lattice.origin, offsets, block, scale, strict=True)
        }
        patch = np.arange(math.prod(block), dtype=np.float32).reshape(block)
        writer[centre] = patch
        image = CellMapImage(folder, "mito", scale, block, pad=True, pad_value=-1)
        assert np.array_equal(image[centre].numpy(), writer[centre].numpy())
        expected = np.full([n + 60 for n in shape], -1, np.float32)
        where = tuple(slice(30 + k, 30 + k + n) for k, n in zip(offsets, block, strict=True))
        expected[where] = patch
        assert np.array_equal(stored(folder), expected[tuple(slice(30, 30 + n) for n in shape)])


def test_the_box_of_an_image_gives_its_voxels(tmp_path) -> None:
    """What covers an image covers the same voxels when it is written again, and so does an older box."""
    first = make(tmp_path / "a", box=dict.fromkeys("zyx", (16, 96)))
    assert first.offset == {"z": 16, "y": 16, "x": 16}
    image = CellMapImage(first.path, "mito", (8, 8, 8), (4, 4, 4))
    assert make(tmp_path / "b", box=image.bounding_box).lattice == first.lattice


def test_an_origin_says_where_voxels_lie(tmp_path) -> None:
    """With the centre of a voxel given, the box holds the voxels that are centred in it."""
    box = dict.fromkeys("zyx", (-2, 158))
    writer = make(tmp_path, box=box, origin=dict.fromkeys("zyx", 2))
    assert (writer.offset["z"], writer.shape["z"]) == (2, 20)
    assert writer.bounding_box == box
    assert make(tmp_path / "b", box=dict.fromkeys("zyx", (3, 163))).offset["z"] == 3


def test_batches_are_written_and_read(tmp_path) -> None:
    """Several places at once are as many patches along the first axis."""
    writer = make(tmp_path)
    centres = {"z": [28.0, 92.0], "y": np.array([28.0, 28.0]), "x": torch.tensor([28.0, 92.0])}
    batch = torch.arange(2 * 8**3).reshape(2, 8, 8, 8).float()
    writer[centres] = batch
    assert torch.equal(writer[centres], batch)
    assert torch.equal(writer[{axis: float(values[1]) for axis, values in centres.items()}], batch[1])


def test_patches_at_the_edge_are_clipped(tmp_path) -> None:
    """What sticks out of the array is not written; it is read as the fill value."""
    writer = make(tmp_path, fill_value=-1)
    corner = {axis: writer.bounding_box[axis][1] for axis in "zyx"}
    writer[corner] = np.ones((8, 8, 8))
    assert (stored(tmp_path) == 1).sum() == 4**3
    assert (stored(tmp_path)[16:, 16:, 16:] == 1).all()
    assert (writer[corner] == 1).sum() == 4**3
    writer[dict.fromkeys("zyx", 10000)] = np.ones((8, 8, 8))
    assert (stored(tmp_path) == 1).sum() == 4**3


def test_threads_may_share_a_chunk(tmp_path) -> None:
    """Patches off the blocks, written by many threads at once, are all there."""
    writer = make(tmp_path, block=(4, 4, 4), box=dict.fromkeys("zyx", (0, 8 * 18)))
    values = ramp_of(writer) + 1
    starts = [(z, y, x) for z in range(2, 14, 4) for y in range(2, 14, 4) for x in range(2, 14, 4)]

    def write(mine) -> None:
        for z, y, x in mine:
            centre = {axis: (k + 1.5) * 8 for axis, k in zip("zyx", (z, y, x), strict=True)}
            writer[centre] = values[z : z + 4, y : y + 4, x : x + 4]

    threads = [threading.Thread(target=write, args=(starts[i::6],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inner = (slice(2, 14),) * 3
    assert np.array_equal(stored(tmp_path)[inner], values[inner])


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_channels_lead(options, tmp_path) -> None:
    """Channels are a leading axis, of arrays and patches, with their names in the metadata."""
    writer = make(tmp_path, channels=["a", "b"], **options)
    values = np.stack([ramp_of(writer), -ramp_of(writer)])
    fill(writer, values)
    assert np.array_equal(stored(tmp_path), values)
    centre = dict.fromkeys("zyx", 60)
    patch = np.random.default_rng(0).random((2, 8, 8, 8), np.float32)
    writer[centre] = patch
    assert np.array_equal(writer[centre].numpy(), patch)
    attributes = read_attributes(str(tmp_path))
    assert format_violations(attributes) == []
    omero = attributes.get("ome", attributes)["omero"]
    assert [channel["label"] for channel in omero["channels"]] == ["a", "b"]


DTYPES = ["bool", "uint8", "int8", "uint16", "int32", "uint64", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_type_of_numbers(dtype, options, tmp_path) -> None:
    """Each type that volumes are stored in is written as it is."""
    writer = make(tmp_path, dtype=dtype, fill_value=1, **options)
    values = (ramp_of(writer, np.int64) % 100).astype(dtype)
    fill(writer, values)
    found = stored(tmp_path)
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found, values)
    assert zarr.open_group(str(tmp_path), mode="r")["s0"].fill_value == 1


def test_types_have_their_names_in_torch(tmp_path) -> None:
    """A type may be given as torch calls it; tensors of any type are written."""
    writer = make(tmp_path, dtype=torch.float64)
    assert writer.dtype == np.float64
    writer.write(writer.blocks[0], torch.full((8, 8, 8), 1.5, dtype=torch.bfloat16, requires_grad=True))
    assert (writer.read(writer.blocks[0]) == 1.5).all()


def test_large_ids_stay_whole(tmp_path) -> None:
    """Ids that a float cannot hold are stored as they are, and refused where they would be rounded."""
    ids = np.full((8, 8, 8), 2**60 + 1, np.int64)
    writer = make(tmp_path / "ids", dtype=np.uint64)
    writer.write(writer.blocks[0], ids)
    assert (writer.read(writer.blocks[0]) == 2**60 + 1).all()
    with pytest.raises(ConfigurationError, match="does not have these values"):
        make(tmp_path / "floats").write(writer.blocks[0], ids)


def test_missing_blocks_hold_the_fill_value(tmp_path) -> None:
    """Where nothing was written, and where the fill value was, no chunk is stored; NaN can be one."""
    writer = make(tmp_path, fill_value=math.nan)
    before = files(tmp_path)
    writer.write(writer.blocks[0], np.full((8, 8, 8), math.nan))
    assert files(tmp_path) == before
    assert np.isnan(stored(tmp_path)).all()


def test_axes_are_those_of_the_user(tmp_path) -> None:
    """Arguments and patches follow axis_order; the array is stored as z, y, x."""
    box = {"x": (0, 96), "y": (0, 80), "z": (0, 64)}
    writer = ImageWriter(str(tmp_path), "mito", (8, 8, 16), box, (4, 5, 2), axis_order="xyz")
    assert writer.shape == {"x": 12, "y": 10, "z": 4}
    assert writer.chunk_shape == [4, 5, 2]
    patch = np.arange(40).reshape(4, 5, 2)
    centre = {"x": 12.0, "y": 16.0, "z": 8.0}
    writer[centre] = patch
    assert np.array_equal(writer[centre].numpy(), patch)
    assert np.array_equal(stored(tmp_path)[:2, :5, :4], patch.transpose(2, 1, 0))
    assert [axis["name"] for axis in read_attributes(str(tmp_path))["multiscales"][0]["axes"]] == list("zyx")


def test_planes(tmp_path) -> None:
    """A volume without z is written and read; a patch of one slice needs no axis for it."""
    flat = ImageWriter(str(tmp_path / "yx"), "mito", (8, 8), {"y": (0, 80), "x": (0, 96)}, (5, 6))
    values = np.arange(120, dtype=np.float32).reshape(1, 10, 12)
    fill(flat, values)
    assert np.array_equal(stored(tmp_path / "yx"), values[0])
    assert flat[{"y": 16, "x": 20}].shape == (5, 6)
    slices = make(tmp_path / "zyx", block=(1, 8, 8))
    slices[{"z": 24, "y": 28, "x": 28}] = np.ones((8, 8))
    assert (stored(tmp_path / "zyx")[3, :8, :8] == 1).all()
    assert stored(tmp_path / "zyx").sum() == 64


def test_arguments_by_axis(tmp_path) -> None:
    """Sizes may be given by the name of their axis."""
    sizes = {"x": 8, "y": 4, "z": 2}
    writer = make(tmp_path, scale={"x": 8.0, "y": 8.0, "z": 16.0}, block=sizes)
    assert writer.write_voxel_shape == {"z": 2, "y": 4, "x": 8}
    assert writer.shape == {"z": 10, "y": 20, "x": 20}


WRONG = {
    "chunks that do not divide": ({"ngff": "0.5", "chunk_shape": (3, 4, 4)}, "one shard of whole chunks"),
    "shards before 0.5": ({"chunk_shape": (4, 4, 4)}, "ngff='0.5'"),
    "version": ({"ngff": "0.3"}, "version of NGFF"),
    "conversion": ({"conversion": "wrap"}, "conversion"),
    "downsampling": ({"downsampling": "max"}, "downsampling"),
    "dtype": ({"dtype": "complex64"}, "Only numbers"),
    "no dtype": ({"dtype": "mitochondria"}, "type of numbers"),
    "fill value": ({"dtype": "uint8", "fill_value": -1}, "does not have these values"),
    "levels": ({"levels": 0}, "levels is a whole number(?s:.*)from 1 on"),
    "half a level": ({"levels": 1.5}, "levels is a whole number"),
    "level of no number": ({"scale_level": math.nan}, "scale_level is a whole number"),
    "channels": ({"channels": 0}, "number of channels(?s:.*)from 1 on"),
    "channels as text": ({"channels": "rgb"}, "or give their names, in a list"),
    "half a channel": ({"channels": 1.5}, "number of channels"),
    "text to fill with": ({"fill_value": "x"}, "(?s)nothing was written is a number.*got: +str 'x'"),
    "endless voxels": ({"scale": (math.inf, 8, 8)}, "number of nm along each axis"),
    "text for a voxel size": ({"scale": ("8 nm", 8, 8)}, "number of nm along each axis"),
    "no voxel size": ({"scale": (None, 8, 8)}, "number of nm along each axis"),
    "text for an origin": ({"origin": ("0", 0, 0)}, "origin is a place"),
    "empty box": ({"box": dict.fromkeys("zyx", (8, 8))}, "no voxel"),
    "box without an axis": ({"box": {"y": (0, 8), "x": (0, 8)}}, "value for each axis"),
    "block of too many axes": ({"block": (8, 8, 8, 8)}, "value for each axis"),
    "box with NaN": ({"box": {**dict.fromkeys("zyx", (0, 8)), "z": (float("nan"), 8)}}, r"\['z'\].*finite"),
    "endless box": ({"box": {**dict.fromkeys("zyx", (0, 8)), "y": (0, float("inf"))}}, r"\['y'\].*finite"),
    "box of numbers": ({"box": dict.fromkeys("zyx", 8)}, r"expected \(lo, hi\) in nm"),
    "no box": ({"box": None}, "value for each axis"),
    "origin": ({"origin": (float("nan"), 0, 0)}, "origin is a place"),
    "half a voxel": ({"block": (8, 8, 7.5)}, "whole voxels"),
    "both": ({"overwrite": True, "resume": True}, "gone on with or removed"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_arguments_that_cannot_be_right(options, words, tmp_path) -> None:
    """They are refused before anything is written."""
    with pytest.raises(ConfigurationError, match=words):
        make(tmp_path / "out.zarr", **options)
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("centre", "values", "words"),
    [
        ({"z": 28, "y": 28}, np.ones((8, 8, 8)), "coordinate along each axis"),
        ({"z": [28], "y": [28, 30], "x": [28]}, np.ones((1, 8, 8, 8)), "as many coordinates"),
        (dict.fromkeys("zyx", 28), np.ones((8, 8, 7)), "shape"),
        (dict.fromkeys("zyx", 28), 1.0, "shape"),
        ({axis: [28, 92] for axis in "zyx"}, np.ones((3, 8, 8, 8)), "patch for each place"),
        ({axis: [28, 92] for axis in "zyx"}, np.ones((1, 8, 8, 8)), "patch for each place"),
        (dict.fromkeys("zyx", float("nan")), np.ones((8, 8, 8)), "finite number of nm"),
        (28, np.ones((8, 8, 8)), "coordinate along each axis"),
        (dict.fromkeys("zyx", 28), None, "real numbers"),
        (dict.fromkeys("zyx", 28), np.ones((8, 8, 8), complex), "real numbers"),
    ],
    ids=[
        "axis missing",
        "uneven batch",
        "wrong shape",
        "one number",
        "too many",
        "too few",
        "nowhere",
        "no place",
        "nothing",
        "complex",
    ],
)
def test_patches_that_do_not_fit(centre, values, words, tmp_path) -> None:
    """A place without a coordinate and a patch of another shape are refused."""
    writer = make(tmp_path)
    with pytest.raises(ConfigurationError, match=words):
        writer[centre] = values
    assert stored(tmp_path).max() == 0


@pytest.mark.parametrize(
    "box",
    [VoxelBox((0.0, 0, 0), (8, 8, 8)), VoxelBox((0, 0, 0), ("8", 8, 8)), ((0, 0, 0), (8, 8, 8)), {"z": 0}],
    ids=["float", "text", "pairs", "place"],
)
def test_voxels_are_whole(box, tmp_path) -> None:
    """Nothing is cut to the next voxel, read or written; integers of numpy are as good as others."""
    writer = make(tmp_path)
    writer.write(VoxelBox(tuple(np.zeros(3, np.int32)), tuple(np.full(3, 8))), np.ones((8, 8, 8)))
    for use in (lambda: writer.write(box, np.zeros((8, 8, 8))), lambda: writer.read(box)):
        with pytest.raises(ConfigurationError, match="Voxels are counted"):
            use()
    assert writer.read(writer.blocks[0]).all()


def test_readers_of_this_process_see_what_is_written(tmp_path) -> None:
    """An image that has read a block sees what is written there later, and so after overwriting a new one."""
    writer = make(tmp_path)
    image = CellMapImage(str(tmp_path), "mito", (8, 8, 8), (8, 8, 8))
    centre = dict.fromkeys("zyx", 28)
    assert image[centre].max() == 0
    writer[centre] = np.ones((8, 8, 8))
    assert image[centre].min() == 1
    make(tmp_path, overwrite=True)
    assert CellMapImage(str(tmp_path), "mito", (8, 8, 8), (8, 8, 8))[centre].max() == 0


def test_a_writer_travels(tmp_path) -> None:
    """A pickled writer joins the same output, closed or not, after the levels were made too."""
    writer = make(tmp_path, levels=2)
    with writer:
        writer.write(writer.blocks[0], np.ones((8, 8, 8)))
    writer.finish()
    other = pickle.loads(pickle.dumps(writer))
    other.write(writer.blocks[1], np.full((8, 8, 8), 2))
    assert (writer.read(writer.blocks[1]) == 2).all()
    assert (other.read(writer.blocks[0]) == 1).all()
    assert other.bounding_box == dict.fromkeys(CUBE, (-4, 156))
