"""What programs rely on when they predict: where tiles lie, what they may assign, what comes out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from cellmap_data import CellMapDataset, CellMapDatasetWriter, CellMapImage
from cellmap_data.errors import ConfigurationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.testing import ramp, write_volume

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
SHAPE = (21, 17, 30)


@pytest.fixture
def raw(tmp_path) -> str:
    """A volume whose values say where they are; the centre of its first voxel lies at 104 nm."""
    return write_volume(tmp_path / "raw.zarr", ramp(SHAPE), (8, 8, 8), (104, 104, 104))


def make(raw, tmp_path, classes=("nuc",), arrays=None, **options) -> CellMapDatasetWriter:
    """A writer of cubes into ``pred.zarr``."""
    target = str(tmp_path / "pred.zarr" / "crop")
    return CellMapDatasetWriter(raw, target, classes, {"raw": CUBE}, arrays or {"output": CUBE}, **options)


def stored(writer, name="nuc", array="output") -> np.ndarray:
    """All that is stored of a class."""
    one = writer.target_array_writers[array][name]
    return one.array.read(tuple(slice(0, n) for n in one.array.store.shape))


def run(writer, model=lambda x: x, **options) -> None:
    """The loop that programs write."""
    for batch in writer.loader(**{"batch_size": 3, **options}):
        writer[batch["idx"]] = {"output": model(batch["raw"])}


# Tiles


@pytest.mark.parametrize("workers", [0, 2])
def test_every_voxel_is_written_once(workers, raw, tmp_path) -> None:
    """Lengths that are no multiple of a patch leave no hole, and what is written is what was read there."""
    writer = make(raw, tmp_path)
    run(writer, num_workers=workers)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


def test_every_tile_writes_voxels_of_its_own(raw, tmp_path) -> None:
    """Tile by tile: what is written is the part of each block inside the bounds, added up once."""
    writer = make(raw, tmp_path, fill_value=-1)
    for index in writer.writer_indices:
        before = stored(writer) >= 0
        writer[index] = {"output": torch.full((1, 1, 8, 8, 8), float(index))}
        after = stored(writer)
        assert (after == index).sum() == ((after >= 0) & ~before).sum() > 0
    assert (stored(writer) >= 0).all()


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 7, 5), (8, 1, 8), (3, 5, 7)], ids=str)
def test_odd_tiles_and_planes_are_written_in_place(shape, raw, tmp_path) -> None:
    """Tiles of odd length begin where they should; of planes none is left out."""
    array = {"shape": shape, "scale": (8, 8, 8)}
    writer = CellMapDatasetWriter(raw, str(tmp_path / "out.zarr"), ["nuc"], {"raw": array}, {"output": array})
    run(writer, batch_size=16)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


def test_edge_tiles_are_read_shifted(raw, tmp_path) -> None:
    """The last tile along an axis is a whole patch inside the volume."""
    writer = make(raw, tmp_path)
    last = writer[len(writer) - 1]["raw"][0]
    assert last.shape == (8, 8, 8)
    np.testing.assert_array_equal(last, ramp(SHAPE)[-8:, -8:, -8:])


def test_a_volume_smaller_than_a_patch_is_written(tmp_path) -> None:
    """It lies in the middle of the one patch, in zeros."""
    raw = write_volume(tmp_path / "raw", ramp((5, 8, 8)) + 1)
    writer = make(raw, tmp_path)
    assert len(writer) == 1
    assert (writer[0]["raw"][0][:, 0, 0] == 0).tolist() == [True] * 2 + [False] * 5 + [True]
    run(writer)
    np.testing.assert_array_equal(stored(writer), ramp((5, 8, 8)) + 1)


# Bounds


def test_bounds_hold_the_voxels_that_they_held(tmp_path) -> None:
    """(0, 1600) at 8 nm are 200 voxels, the first centred at 0."""
    raw = write_volume(tmp_path / "raw", np.zeros((210, 4, 4), np.uint8))
    bounds = {"output": {"z": (0, 1600)}}
    array = {"shape": (100, 4, 4), "scale": (8, 8, 8)}
    writer = CellMapDatasetWriter(
        raw, str(tmp_path / "out.zarr"), ["nuc"], {"raw": array}, {"output": array}, bounds
    )
    one = writer.target_array_writers["output"]["nuc"]
    assert (one.shape["z"], one.offset["z"]) == (200, 0)
    assert len(writer) == 2


def test_only_the_bounds_are_written(raw, tmp_path) -> None:
    """What lies outside is not part of the output, and the output knows where it lies."""
    bounds = {"output": {"z": (104 + 5 * 8, 104 + 16 * 8), "x": (104 + 2 * 8, 104 + 29 * 8)}}
    writer = make(raw, tmp_path, target_bounds=bounds)
    run(writer)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE)[5:16, :, 2:29])
    assert writer.bounding_box == {"z": (140, 228), "y": (100, 236), "x": (116, 332)}
    image = CellMapImage(str(tmp_path / "pred.zarr/crop/nuc"), "nuc", (8, 8, 8), (1, 1, 1))
    assert image.bounding_box == writer.bounding_box


def test_an_output_lies_on_the_raw_level_of_its_voxel_size(tmp_path) -> None:
    """A label at 16 nm has the translation of raw's level at 16 nm."""
    raw = write_volume(tmp_path / "raw", ramp((32, 32, 32)), (8, 8, 8), levels=2)
    coarse = {"shape": (4, 4, 4), "scale": (16, 16, 16)}
    writer = make(raw, tmp_path, arrays={"output": coarse})
    assert writer.target_array_writers["output"]["nuc"].offset == dict.fromkeys("zyx", 4)


def test_an_output_of_another_voxel_size_begins_at_the_edge_of_raw(raw, tmp_path) -> None:
    """Raw begins at 100 nm, so the first voxel of 10 nm is centred at 105."""
    writer = make(raw, tmp_path, arrays={"output": {"shape": (4, 4, 4), "scale": (10, 10, 10)}})
    one = writer.target_array_writers["output"]["nuc"]
    assert one.offset == dict.fromkeys("zyx", 105)
    assert one.shape == {"z": 16, "y": 13, "x": 24}


# Members


def test_positions_are_those_of_a_dataset(raw, tmp_path) -> None:
    """Centres lie in the sampling box; blocks and indices are the tiles; idx is the index."""
    writer = make(raw, tmp_path)
    assert len(writer) == len(writer.writer_indices) == len(writer.blocks) == 3 * 3 * 4
    assert isinstance(writer.blocks, Subset)
    assert writer.get_center(0) == writer.get_center(torch.tensor(0)) == dict.fromkeys("zyx", 104 + 3.5 * 8)
    assert writer.sampling_box == {"z": (132, 236), "y": (132, 204), "x": (132, 308)}
    assert [int(writer[i]["idx"]) for i in (0, 5)] == [int(writer.blocks[i]["idx"]) for i in (0, 5)] == [0, 5]
    with pytest.raises(IndexError):
        writer[len(writer)]


@pytest.mark.parametrize(
    "idx", [1.5, [1.0], np.array([1.7]), torch.tensor([1.7]), torch.tensor([True]), "1", {1}], ids=repr
)
def test_only_whole_numbers_are_positions_to_write(idx, raw, tmp_path) -> None:
    """Floats are not cut off, and a mask is not taken for positions 0 and 1."""
    writer = make(raw, tmp_path)
    with pytest.raises(TypeError, match="whole number"):
        writer[idx] = 1
    assert len(writer.writer_indices) == len(writer)


@pytest.mark.parametrize(
    "bounds", [(float("nan"), 200), (100, float("inf")), (200, 100), 200, ("a", "b")], ids=repr
)
def test_bounds_are_finite_and_ascend(bounds, raw, tmp_path) -> None:
    """Else the array and the axis are named, and nothing is made."""
    with pytest.raises(ConfigurationError, match=r"target_bounds\['output'\]\['y'\]: expected \(lo, hi\)"):
        make(raw, tmp_path, target_bounds={"output": {"y": bounds}})


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (None, {}, "model is called"),
        (torch.nn.Identity, {}, "model is called"),
        (abs, {"batch_size": 1.5}, "counted"),
        (abs, {"retries": -1}, "counted"),
        (abs, {"executor": "dask"}, "executor hands out"),
        (abs, {"device": "gpu"}, "no device"),
        (abs, {"share": 1}, "share is one of n"),
    ],
    ids=["nothing", "class", "half a tile", "retries", "executor", "device", "share"],
)
def test_what_cannot_predict_is_told_before_anything_is_read(model, options, words, raw, tmp_path) -> None:
    """And not as the failure of a region."""
    with pytest.raises(ConfigurationError, match=words):
        make(raw, tmp_path).predict(model, **options)


def test_tiles_of_a_size_of_ones_own(raw, tmp_path) -> None:
    """``get_indices`` takes every so many tiles, and all where a tile is asked for."""
    writer = make(raw, tmp_path)
    assert list(writer.get_indices(dict.fromkeys("zyx", 64))) == list(range(36))
    assert len(writer.get_indices({"z": 64, "y": 64, "x": 128})) == 3 * 3 * 3


def test_samples_hold_what_a_dataset_gives(raw, tmp_path) -> None:
    """Inputs only, transformed as a dataset would."""
    writer = make(raw, tmp_path, raw_value_transforms=lambda x: x.float() / 2)
    sample = writer[0]
    assert set(sample) == {"idx", "raw"}
    dataset = CellMapDataset(raw, None, None, {"raw": CUBE}, raw_value_transforms=lambda x: x.float() / 2)
    assert torch.equal(sample["raw"], dataset[0]["raw"])


def test_arguments_of_earlier_releases_are_taken(raw, tmp_path) -> None:
    """By keyword, those that mean nothing any more too."""
    make(
        raw,
        tmp_path,
        axis_order="zyx",
        context=None,
        device="cpu",
        rng=torch.Generator(),
        empty_value=0,
        max_workers=4,
    )


# Assignment


def values(kind):
    """An index, as programs write it, for the tiles 0 and 1 or for the tile 0."""
    return {
        "int": 0,
        "numpy int": np.int64(0),
        "0-d tensor": torch.tensor(0),
        "tensor": torch.tensor([0, 1]),
        "array": np.array([0, 1]),
        "list": [0, 1],
        "list of tensors": [torch.tensor(0), torch.tensor(1)],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["int", "numpy int", "0-d tensor", "tensor", "array", "list", "list of tensors"]
)
def test_indices_of_any_kind(kind, raw, tmp_path) -> None:
    """An int, a tensor, an array, a list; the values of one tile need no axis for the batch."""
    writer, idx = make(raw, tmp_path), values(kind)
    several = np.ndim(idx) > 0 or isinstance(idx, list)
    writer[idx] = {"output": torch.ones((2, 1, 8, 8, 8) if several else (1, 8, 8, 8))}
    assert stored(writer).sum() == (2 if several else 1) * 8**3


FORMS = {
    "tensor by model classes": lambda a, b: {"output": torch.stack([b, torch.full_like(a, 9), a], 1)},
    "classes": lambda a, b: {"output": {"a": a, "b": b}},
    "classes with a channel axis": lambda a, b: {"output": {"a": a[:, None], "b": b[:, None]}},
    "classes alone": lambda a, b: {"a": a, "b": b},
    "tensor alone": lambda a, b: torch.stack([b, torch.full_like(a, 9), a], 1),
    "classes that are not written too": lambda a, b: {"a": a, "b": b, "c": a},
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.replace(" ", "-"))
def test_values_in_any_form(form, raw, tmp_path) -> None:
    """By output, by class, or as channels of which ``model_classes`` says what they are."""
    writer = make(raw, tmp_path, ["a", "b"], model_classes=["b", "c", "a"])
    a, b = torch.full((2, 8, 8, 8), 3.0), torch.full((2, 8, 8, 8), 5.0)
    writer[[0, 1]] = FORMS[form](a, b)
    assert stored(writer, "a").sum() == 3 * 2 * 8**3
    assert stored(writer, "b").sum() == 5 * 2 * 8**3
    assert len(writer.writer_indices) == len(writer) - 2


def test_a_tile_is_done_when_all_its_classes_are(raw, tmp_path) -> None:
    """Classes may be assigned one after the other."""
    writer = make(raw, tmp_path, ["a", "b"])
    writer[0] = {"a": np.ones((8, 8, 8))}
    assert 0 in writer.writer_indices
    writer[0] = {"b": np.ones((8, 8, 8))}
    assert 0 not in writer.writer_indices


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16])
def test_outputs_of_any_type(dtype, raw, tmp_path) -> None:
    """Bool and integer outputs are stored as the numbers that they are."""
    writer = make(raw, tmp_path)
    writer[0] = torch.ones((1, 8, 8, 8), dtype=dtype)
    assert stored(writer).sum() == 8**3


def test_integers_are_stored_as_integers(raw, tmp_path) -> None:
    """With a type of that kind, ids beyond 2^53 unrounded."""
    writer = make(raw, tmp_path, dtype=np.uint64)
    writer[0] = torch.full((1, 8, 8, 8), 2**53 + 1)
    assert stored(writer)[0, 0, 0] == 2**53 + 1


def test_shapes_with_the_classes_in_front(raw, tmp_path) -> None:
    """``(ch, z, y, x)`` with as many channels as classes describes the same output."""
    array = {"shape": (2, 8, 8, 8), "scale": (8, 8, 8)}
    writer = make(raw, tmp_path, ["a", "b"], {"output": array})
    writer[0] = torch.stack([torch.full((8, 8, 8), 3.0), torch.full((8, 8, 8), 5.0)])
    assert (stored(writer, "a")[0, 0, 0], stored(writer, "b")[0, 0, 0]) == (3, 5)


def test_channels_of_a_class_are_written(raw, tmp_path) -> None:
    """Three channels of one class become three channels of its volume, each in its place."""
    array = {"shape": (3, 8, 8, 8), "scale": (8, 8, 8)}
    writer = make(raw, tmp_path, ["affinities"], {"output": array})
    run(writer, lambda x: torch.cat([x, x + 1, x + 2], 1))
    result = stored(writer, "affinities")
    assert result.shape == (3, *SHAPE)
    for channel in range(3):
        np.testing.assert_array_equal(result[channel], ramp(SHAPE) + channel)


def test_several_outputs_each_get_their_own_values(tmp_path) -> None:
    """Of differing voxel sizes and shapes; each is a group of its own below ``target_path``."""
    raw = write_volume(tmp_path / "raw", ramp((32, 16, 16)), (8, 8, 8), levels=2)
    arrays = {"fine": CUBE, "coarse": {"shape": (4, 4, 4), "scale": (16, 16, 16)}}
    writer = make(raw, tmp_path, arrays=arrays)
    for batch in writer.loader(batch_size=2):
        fine = batch["raw"]
        coarse = torch.nn.functional.avg_pool3d(fine, 2)
        writer[batch["idx"]] = {"fine": fine, "coarse": {"nuc": coarse}}
    np.testing.assert_array_equal(stored(writer, array="fine"), ramp((32, 16, 16)))
    halved = ramp((32, 16, 16)).reshape(16, 2, 8, 2, 8, 2).mean((1, 3, 5))
    np.testing.assert_array_equal(stored(writer, array="coarse"), halved)
    assert (tmp_path / "pred.zarr/crop/coarse/nuc/s0").is_dir()


# Existing output


def test_an_output_that_is_there_is_not_reopened(raw, tmp_path) -> None:
    """FileExistsError, unless it is to be removed or gone on with."""
    writer = make(raw, tmp_path)
    writer[0] = torch.ones(8, 8, 8)
    with pytest.raises(FileExistsError):
        make(raw, tmp_path)
    again = make(raw, tmp_path, resume=True)
    assert list(again.writer_indices) == list(range(1, 36))
    assert stored(again).sum() == 8**3
    new = make(raw, tmp_path, overwrite=True)
    assert len(new.writer_indices) == 36
    assert stored(new).sum() == 0


def test_writers_of_one_job_share_a_run_id(raw, tmp_path) -> None:
    """The first makes the output, the others join; each sees what is left."""
    one, other = (make(raw, tmp_path, run_id="job 7") for _ in range(2))
    one[[0, 1]] = torch.ones(2, 8, 8, 8)
    other[2] = torch.ones(8, 8, 8)
    assert list(one.writer_indices) == list(other.writer_indices) == list(range(3, 36))


def test_a_resumed_loader_reads_what_is_left(raw, tmp_path) -> None:
    """A loop that was interrupted goes on where it was."""
    writer = make(raw, tmp_path)
    for batch, _ in zip(writer.loader(batch_size=4), range(3), strict=False):
        writer[batch["idx"]] = batch["raw"]
    again = make(raw, tmp_path, resume=True)
    loader = again.loader(batch_size=4)
    left = len(again.writer_indices)
    assert left <= 36 - 3 * 4
    assert len(loader) == -(-left // 4)
    for batch in loader:
        again[batch["idx"]] = batch["raw"]
    np.testing.assert_array_equal(stored(again), ramp(SHAPE))


# Threads and hooks


def test_many_writers_in_threads(raw, tmp_path) -> None:
    """Eight writers of volumes of their own, and eight threads on one writer."""

    def predict(number: int) -> CellMapDatasetWriter:
        target = str(tmp_path / f"out{number}.zarr")
        writer = CellMapDatasetWriter(raw, target, ["nuc"], {"raw": CUBE}, {"output": CUBE})
        run(writer, lambda x: x + number)
        return writer

    shared = make(raw, tmp_path)

    def write(index: int) -> None:
        shared[index] = shared[index]["raw"]

    with ThreadPoolExecutor(8) as pool:
        for number, writer in enumerate(pool.map(predict, range(8))):
            np.testing.assert_array_equal(stored(writer), ramp(SHAPE) + number)
        list(pool.map(write, range(len(shared))))
    np.testing.assert_array_equal(stored(shared), ramp(SHAPE))
    assert len(shared.writer_indices) == 0


class Watching:
    """Takes note of what hooks are told."""

    def __init__(self) -> None:
        self.told: set[tuple[str, bool]] = set()

    @hookimpl
    def post_sample(self, sample, is_train):
        self.told.add(("post_sample", is_train))
        return sample

    @hookimpl
    def post_collate(self, batch, is_train):
        self.told.add(("post_collate", is_train))
        return batch


@pytest.mark.parametrize("way", ["loop", "predict"])
def test_hooks_see_that_nothing_is_trained(way, raw, tmp_path) -> None:
    """Plugins take part in predictions as in training, and are told the difference."""
    writer, watching = make(raw, tmp_path), Watching()
    if way == "loop":
        run(writer, plugins=[watching])
    else:
        writer.predict(lambda x: x, batch_size=3, plugins=[watching])
    assert watching.told == {("post_sample", False), ("post_collate", False)}
