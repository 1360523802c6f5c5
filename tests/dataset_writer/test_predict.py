"""Whole outputs predicted: what a voxel becomes, whatever the regions; and what is told where it fails."""

from __future__ import annotations

import math
import os
import resource
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDatasetWriter
from cellmap_data.dataset_writer.weights import patch_weights
from cellmap_data.errors import ConfigurationError, PredictionError
from cellmap_data.spatial import Tiles
from cellmap_data.testing import ramp, write_volume
from tests.dataset_writer.models import CUBE, LARGE, Valid, double, same, tilted
from tests.dataset_writer.outputs import files, stored

SHAPE = (21, 17, 26)
BLOCK = 8**3 * 8
"""Bytes of a window that holds one block of a blended class."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> str:
    """A volume whose values say where they are."""
    return write_volume(tmp_path_factory.mktemp("raw") / "raw.zarr", ramp(SHAPE))


def make(raw, path, inputs=CUBE, output=CUBE, classes=("nuc",), **options) -> CellMapDatasetWriter:
    return CellMapDatasetWriter(raw, str(path), classes, {"raw": inputs}, {"output": output}, **options)


def blended(tiles: Tiles, blend: str) -> np.ndarray:
    """What :func:`tilted` becomes of a ramp, tile by tile over the whole volume, in float64."""
    values, sums, weights = ramp(tiles.shape), np.zeros(tiles.shape), np.zeros(tiles.shape)
    for number in range(tiles.size):
        patch = tiles.patch_of(tiles.place(number))
        made = tilted(torch.from_numpy(values[patch.slices].copy()))
        weight = patch_weights(tiles.patch, blend)
        sums[patch.slices] += made.double().numpy() * weight
        weights[patch.slices] += weight
    return sums / weights


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
def test_what_is_read_is_never_written(options, tmp_path) -> None:
    """A volume that is raw and output at once is refused, by whichever path, and stays as it is."""
    raw = write_volume(tmp_path / "volume.zarr", ramp(SHAPE))
    (tmp_path / "link").symlink_to(tmp_path)
    before = files(tmp_path / "volume.zarr")
    with pytest.raises(ConfigurationError, match="not written to"):
        make(raw, tmp_path / "link", classes=["volume.zarr"], **options)
    assert files(tmp_path / "volume.zarr") == before


# What a voxel becomes


@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize("overlap", [2, (4, 0.5, 7)], ids=str)
def test_overlapping_tiles_are_blended(blend, overlap, raw, tmp_path) -> None:
    """The weighted mean of all tiles that give a voxel, as a slow loop over the whole volume has it."""
    writer = make(raw, tmp_path / "out.zarr")
    writer.predict(tilted, batch_size=5, overlap=overlap, blend=blend)
    voxels = (2, 2, 2) if overlap == 2 else (4, 4, 7)
    np.testing.assert_allclose(
        stored(writer), blended(Tiles(SHAPE, (8, 8, 8), voxels), blend), rtol=1e-5, atol=0.05
    )


def test_the_window_changes_no_voxel(raw, tmp_path) -> None:
    """However the work is divided into regions, files have the same bytes."""
    regions = []
    for number, window in enumerate((BLOCK, 5 * BLOCK, 1 << 29)):
        writer = make(raw, tmp_path / f"{number}.zarr")
        regions.append(writer.predict(tilted, overlap=3, window_bytes=window).regions)
    assert regions[0] > regions[1] > regions[2] == 1
    first = files(tmp_path / "0.zarr")
    assert first == files(tmp_path / "1.zarr") == files(tmp_path / "2.zarr")


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_change_no_voxel(workers, raw, tmp_path) -> None:
    """Processes that read give what this one reads."""
    writer = make(raw, tmp_path / "out.zarr")
    writer.predict(same, batch_size=4, num_workers=workers, window_bytes=9 * BLOCK)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


def test_without_overlap_values_keep_their_type(raw, tmp_path) -> None:
    """Ids of 64 bits are written as they are."""
    writer = make(raw, tmp_path / "out.zarr", dtype=np.uint64)
    writer.predict(lambda x: x.to(torch.int64) + 2**60)
    assert stored(writer)[0, 0, 1] == 2**60 + 1


def test_models_whose_output_is_smaller_than_their_input(raw, tmp_path) -> None:
    """Tiles are those of the output; around them the model sees what raw has, and zeros outside."""
    writer = make(raw, tmp_path / "out.zarr", inputs=LARGE)
    writer.predict(Valid(), overlap=0)
    padded = torch.from_numpy(np.pad(ramp(SHAPE), 2))[None, None]
    with torch.no_grad():
        whole = Valid().eval()(padded)[0, 0].numpy()
    np.testing.assert_allclose(stored(writer), whole, rtol=1e-4)


def test_several_classes_outputs_and_inputs(raw, tmp_path) -> None:
    """Outputs of differing voxel sizes are blended each on its own lattice."""
    coarse = {"shape": (4, 4, 4), "scale": (16, 16, 16)}
    writer = CellMapDatasetWriter(
        raw,
        str(tmp_path / "out.zarr"),
        ["b"],
        {"near": CUBE, "wide": {"shape": (8, 8, 8), "scale": (16, 16, 16)}},
        {"fine": CUBE, "coarse": coarse},
        model_classes=["a", "b"],
    )

    def model(inputs):
        fine = inputs["near"]
        return {
            "fine": torch.cat([fine * 0, fine], 1),
            "coarse": {"b": torch.nn.functional.avg_pool3d(fine, 2)},
        }

    writer.predict(model, batch_size=8, overlap=(4, 3, 2), window_bytes=20 * BLOCK)
    np.testing.assert_allclose(stored(writer, "b", "fine"), ramp(SHAPE), rtol=1e-6)
    halved = ramp((20, 16, 26)).reshape(10, 2, 8, 2, 13, 2).mean((1, 3, 5))
    np.testing.assert_allclose(stored(writer, "b", "coarse"), halved, rtol=1e-6)


# Planes


def test_planes_across_three_axes_are_averaged_in_place(tmp_path) -> None:
    """On raw of 24 x 8 x 8 nm, cubes of 8 nm are predicted in planes: linear between the sections of raw."""
    raw = write_volume(tmp_path / "raw.zarr", ramp((8, 20, 22)), (24, 8, 8))
    plane = {"shape": (1, 8, 6), "scale": (8, 8, 8)}
    shapes = set()

    def model(x):
        shapes.add(tuple(x.shape[1:]))
        return x

    with pytest.warns(UserWarning, match="Finer voxels"):
        writer = make(raw, tmp_path / "out.zarr", plane, plane, block_shape=(8, 8, 8))
    writer.predict(model, batch_size=7, overlap=2, planes=("z", "y", "x"))
    assert shapes == {(1, 8, 6)}
    result = stored(writer)
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in result.shape), indexing="ij")
    section = np.clip((z * 8 - 8) / 24, 0, 7)  # the first voxel of 8 nm lies 8 nm below the first section
    np.testing.assert_allclose(result, 10_000 * section + 100 * y + x, atol=0.05)


def test_each_plane_counts_the_same(raw, tmp_path) -> None:
    """A model that says how a plane lies comes out as the mean over planes."""
    plane = {"shape": (1, 8, 8), "scale": (8, 8, 8)}
    writer = make(raw, tmp_path / "out.zarr", plane, plane)

    def along_first_axis(x):  # what x grows by from row to row: y, z and z in planes across z, y and x
        return (x[:, :, 1:2] - x[:, :, :1]).expand_as(x)

    writer.predict(along_first_axis, planes="zyx", blend="constant")
    assert np.allclose(stored(writer)[:16, :16, :24], (100 + 10_000 + 10_000) / 3)


@pytest.mark.parametrize(
    ("shape", "scale"), [((8, 8, 8), (8, 8, 8)), ((1, 8, 8), (24, 8, 8))], ids=["cube", "anisotropic"]
)
def test_planes_must_look_alike_across_all_axes(shape, scale, raw, tmp_path) -> None:
    """Patches of one voxel, and voxels of one size."""
    array = {"shape": shape, "scale": scale}
    writer = make(raw, tmp_path / "out.zarr", array, array)
    with pytest.raises(ConfigurationError, match="Planes across several axes"):
        writer.predict(same, planes=("z", "y"))


# Models


def test_a_model_predicts_in_evaluation_mode_and_is_left_as_it_was(raw, tmp_path) -> None:
    """Dropout is off, no gradient is kept, and a part that did not train does not train afterwards."""
    model = Valid().train()
    model.drop.eval()
    seen = []
    model.register_forward_hook(lambda module, args, made: seen.append((module.training, made.requires_grad)))
    make(raw, tmp_path / "out.zarr", inputs=LARGE).predict(model)
    assert set(seen) == {(False, False)}
    assert (model.training, model.conv.training, model.drop.training) == (True, True, False)


def test_a_model_must_give_all_classes(raw, tmp_path) -> None:
    """What it leaves out is named."""
    writer = make(raw, tmp_path / "out.zarr", classes=["a", "b"])
    with pytest.raises(PredictionError, match=r"(?s)must give all.*'b'"):
        writer.predict(lambda x: {"a": x})


# Resuming and sharing


def test_a_region_that_fails_is_named_and_the_others_stay(raw, tmp_path) -> None:
    """Region, voxels, path and cause; what was done before is done, and resuming does the rest."""
    calls = []

    def model(x):
        calls.append(x)
        if len(calls) > 20:
            raise RuntimeError("out of memory")
        return x

    writer = make(raw, tmp_path / "out.zarr")
    with pytest.raises(PredictionError, match="A region could not be predicted") as caught:
        writer.predict(model, window_bytes=4 * BLOCK)
    text = str(caught.value)
    assert "region 3 of 8, voxels [0:16, 16:17, 16:26]" in text, text
    assert str(tmp_path / "out.zarr") in text
    assert "out of memory" in text
    done = make(raw, tmp_path / "out.zarr", resume=True).predict(same, window_bytes=4 * BLOCK)
    assert (done.regions, done.predicted) == (8, 5)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


def test_a_refused_write_is_named_and_not_done(raw, tmp_path) -> None:
    """A file lies where a folder of chunks belongs: its region fails, and is done when it is gone."""
    writer = make(raw, tmp_path / "out.zarr")
    obstacle = tmp_path / "out.zarr/nuc/s0/2"
    obstacle.write_text("in the way")
    with pytest.raises(PredictionError, match=r"(?s)region 24 of 36.*StoreError.*s0"):
        writer.predict(same, window_bytes=BLOCK // 2)
    obstacle.unlink()
    done = make(raw, tmp_path / "out.zarr", resume=True).predict(same, window_bytes=BLOCK // 2)
    assert done.predicted == 36 - 24
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


def test_a_full_disk_is_named_and_the_ledger_stays_true(tmp_path) -> None:
    """From some region on no file may grow: what was done stays, and with room again the rest is done."""
    noise = np.random.default_rng(0).random((40, 8, 8), dtype=np.float32)
    raw = write_volume(tmp_path / "raw.zarr", noise)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    calls = []

    def model(x):
        calls.append(x)
        if len(calls) == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        return x

    writer = make(raw, tmp_path / "out.zarr")
    try:
        with pytest.raises(PredictionError, match=r"(?s)region [123] of 5.*make room"):
            writer.predict(model, window_bytes=BLOCK // 2, enable_prefetch=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    done = make(raw, tmp_path / "out.zarr", resume=True).predict(same, window_bytes=BLOCK // 2)
    assert 2 <= done.predicted <= 4
    np.testing.assert_array_equal(stored(writer), noise)


def test_what_is_done_is_not_predicted_again(raw, tmp_path) -> None:
    """And with other options it cannot be gone on with; each difference is told."""
    writer = make(raw, tmp_path / "out.zarr")
    writer.predict(same, overlap=2)
    assert writer.predict(double, overlap=2).predicted == 0
    with pytest.raises(ConfigurationError, match="overlap"):
        make(raw, tmp_path / "out.zarr", resume=True).predict(same, overlap=3)


@pytest.mark.parametrize("lost", ["nuc", "er"])
def test_a_volume_that_was_lost_is_predicted_again(lost, raw, tmp_path) -> None:
    """What was done of volumes that are not there any more is not done, whichever kept the ledger."""
    options = {"classes": ("nuc", "er"), "output": CUBE}

    def both(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, 2 * x], 1)

    make(raw, tmp_path / "out.zarr", **options).predict(both)
    shutil.rmtree(tmp_path / "out.zarr" / lost)
    resumed = make(raw, tmp_path / "out.zarr", **options, resume=True)
    assert resumed.predict(both).predicted
    np.testing.assert_array_equal(stored(resumed, "nuc"), ramp(SHAPE))
    np.testing.assert_array_equal(stored(resumed, "er"), 2 * ramp(SHAPE))
    assert make(raw, tmp_path / "out.zarr", **options, resume=True).predict(both).predicted == 0


def test_shares_make_the_whole(raw, tmp_path) -> None:
    """Jobs that share a run_id and take a share each do all regions, each once."""
    done = [
        make(raw, tmp_path / "out.zarr", run_id="array job").predict(
            same, window_bytes=BLOCK, share=(number, 3)
        )
        for number in range(3)
    ]
    assert [one.predicted for one in done] == [done[0].regions // 3] * 3
    np.testing.assert_array_equal(stored(make(raw, tmp_path / "out.zarr", resume=True)), ramp(SHAPE))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors_of_the_standard_library(kind, raw, tmp_path) -> None:
    """Threads that share the writer, processes that join its output."""
    writer = make(raw, tmp_path / "out.zarr")
    pool = (
        ThreadPoolExecutor(4)
        if kind == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("forkserver"))
    )
    with pool as executor:
        done = writer.predict(double, overlap=2, window_bytes=4 * BLOCK, executor=executor, at_once=3)
    assert done.predicted == done.regions > 1
    np.testing.assert_allclose(stored(writer), 2 * ramp(SHAPE), rtol=1e-6)


class Flaky:
    """An executor some of whose work fails, and some of whose is said to be done and is not."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool, self.number = pool, 0

    def submit(self, work, *arguments):
        self.number += 1
        if self.number in (3, 6, 10):
            return self.pool.submit(os.stat, "/nothing/there")
        if self.number in (1, 5):
            return self.pool.submit(len, "")
        return self.pool.submit(work, *arguments)


def test_the_ledger_is_believed_and_nobody_else(raw, tmp_path) -> None:
    """What failed is tried again, and so is what was said to be done while the ledger does not know it."""
    writer = make(raw, tmp_path / "out.zarr")
    with ThreadPoolExecutor(2) as pool:
        writer.predict(same, window_bytes=BLOCK, executor=Flaky(pool), retries=3)
    np.testing.assert_array_equal(stored(writer), ramp(SHAPE))


# Options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"overlap": 8}, "less than a patch"),
        ({"overlap": 1.0}, "less than a patch"),
        ({"overlap": (1, 2)}, "less than a patch"),
        ({"blend": "hann"}, "Unknown blend"),
        ({"planes": "zz"}, "Planes lie across axes"),
        ({"share": (3, 3)}, "one of n"),
        ({"batch_size": 0}, "batch_size >= 1"),
        ({"batch_size": -1}, "batch_size >= 1"),
        ({"at_once": 0}, "at_once >= 1"),
        ({"retries": -1}, "retries >= 0"),
        ({"window_bytes": 100}, "window_bytes >= 2048"),
        ({"window_bytes": "2GB"}, "window_bytes is a whole number"),
        ({"window_bytes": math.nan}, "1 << 30 is a GiB"),
        ({"overlap": None}, "less than a patch"),
        ({"share": (0, 1.5)}, "one of n"),
        ({"share": None}, "one of n"),
        ({"max_prefetc": 2}, "max_prefetch"),
    ],
    ids=str,
)
def test_options_that_cannot_be_right_are_refused(options, text, raw, tmp_path) -> None:
    """Before anything is predicted, with what would be right."""
    with pytest.raises((ConfigurationError, PredictionError), match=text):
        make(raw, tmp_path / "out.zarr").predict(same, **options)
