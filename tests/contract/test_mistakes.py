"""What users of earlier releases suffered from does not come back."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
import zarr

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapImage, CellMapMultiDataset, EmptyImage
from cellmap_data.testing import ramp, write_crop, write_labels, write_volume
from cellmap_data.transforms import NaNtoNum, Normalize, RandomContrast, RandomGamma
from tests.contract.crops import CLASSES, CUBE, INPUTS, RANDOM, TARGETS, equal, kept, noisy, open_crop
from tests.remote.servers import Files, serving

WHOLE = {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}}


def raw_of(path, values, arrays=WHOLE, spatial=None, **options) -> CellMapDataset:
    """A dataset of raw alone."""
    volume = write_volume(path, values, **options)
    return CellMapDataset(volume, input_arrays=arrays, spatial_transforms=spatial, seed=0)


def test_tiles_cover_the_whole_crop(tmp_path) -> None:
    """Every voxel of a crop that patches do not divide lies in a tile of validation."""
    dataset = raw_of(tmp_path, ramp((19, 8, 21)))
    seen = [dataset[i]["raw"] for i in dataset.validation_indices]
    assert set(torch.stack(seen).flatten().tolist()) == set(ramp((19, 8, 21)).flatten().tolist())


def test_the_last_position_is_sampled(tmp_path) -> None:
    """The far corner of the volume is in the last sample, and an epoch comes to it."""
    dataset = raw_of(tmp_path, ramp((9, 9, 9)))
    assert dataset[len(dataset) - 1]["raw"].max() == 80808
    assert 80808 in [batch["raw"].max() for batch in CellMapDataLoader(dataset)]


def test_a_crop_of_one_patch_is_kept(tmp_path) -> None:
    """A crop of exactly the size of a patch is one sample."""
    (sample,) = raw_of(tmp_path, ramp((8, 8, 8)))
    np.testing.assert_array_equal(sample["raw"][0], ramp((8, 8, 8)))


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("size", [8, 16], ids=["stored", "resampled"])
def test_rotation_turns_about_the_named_axis(axis, size, tmp_path) -> None:
    """A quarter turn exchanges the two other axes, and neither zooms nor shears, resampled or not."""
    arrays = {"raw": {"shape": (6, 6, 6), "scale": (size,) * 3}}
    straight = raw_of(tmp_path, ramp((20, 20, 20)), arrays)
    turned = raw_of(tmp_path, ramp((20, 20, 20)), arrays, {"rotate": {"axes": {axis: [90, 90]}}})
    number = len(straight) // 2
    before, after = straight[number]["raw"][0].numpy(), turned[number]["raw"][0].numpy()
    plane = [i for i in range(3) if i != "zyx".index(axis)]
    turns = [np.rot90(before, k, plane) for k in (1, -1)]
    assert any(np.allclose(after, turn, atol=0.1) for turn in turns)


def test_rotation_of_voxels_that_are_not_cubes_is_a_rotation(tmp_path) -> None:
    """In nm, a step along x of the sample is a step of equal length in the volume, at any angle."""
    voxel, shape = (8, 16, 4), (3, 10, 40)
    arrays = {"raw": {"shape": shape, "scale": voxel}}
    values = np.broadcast_to(np.arange(80, dtype=np.float32) * 4, (5, 60, 80))  # nm along x
    dataset = raw_of(tmp_path, values, arrays, {"rotate": {"z": [30, 30]}}, voxel_size=voxel)
    patch = dataset[len(dataset) // 2]["raw"][0, 1, 3:7, 15:25]
    along_y, along_x = patch.diff(dim=0) / 16, patch.diff(dim=1) / 4
    assert torch.allclose(along_x, torch.full_like(along_x, np.cos(np.pi / 6)), atol=1e-2)
    assert torch.allclose(along_y.abs(), torch.full_like(along_y, np.sin(np.pi / 6)), atol=1e-2)


def test_transposing_leaves_other_axes_alone(tmp_path) -> None:
    """With x and y listed, planes stay planes: each sample is the patch or its transpose within z."""
    dataset = raw_of(tmp_path, ramp((12, 12, 12)), spatial={"transpose": {"axes": ["x", "y"]}})
    plain = CellMapDataset(f"{tmp_path}", input_arrays=WHOLE)
    swapped = 0
    for i in range(0, 120, 10):
        patch, straight = dataset[i]["raw"][0], plain[i]["raw"][0]
        swapped += not torch.equal(patch, straight)
        assert torch.equal(patch, straight) or torch.equal(patch, straight.transpose(1, 2))
    assert 0 < swapped < 12


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 8), (4, 8, 12), (4, 4, 12)], ids=str)
def test_transposed_patches_keep_their_shape_and_know_their_voxels(shape, tmp_path) -> None:
    """Planes and patches that are no cubes keep their shape, and nothing of them is unknown."""
    raw, labels = write_crop(tmp_path, (16, 16, 16))
    arrays = {"shape": shape, "scale": (8,) * len(shape)}
    dataset = CellMapDataset(
        raw, labels, ["nuc"], {"raw": arrays}, {"gt": arrays}, spatial_transforms={"transpose": True}
    )
    for i in range(0, len(dataset), len(dataset) // 20):
        sample = dataset[i]
        assert sample["raw"].shape == sample["gt"].shape == (1, *(n for n in shape if n != 1))
        assert not sample["gt"].isnan().any()


def test_contrast_and_gamma_do_not_saturate(tmp_path) -> None:
    """After scaling to 0..1, raw of many greys keeps many greys."""
    steps = [Normalize(), NaNtoNum({"nan": 0}), RandomContrast((0.5, 1.5)), RandomGamma((0.5, 1.5))]
    values = open_crop(tmp_path, raw_value_transforms=steps)[0]["raw"]
    assert 0 <= values.min() < values.max() <= 1
    assert len(values.unique()) > 100


@pytest.mark.parametrize("workers", [0, 1])
def test_large_ids_come_through_the_loader(workers, tmp_path) -> None:
    """Ids beyond 2^24 that differ by one still do in a batch."""
    ids = np.arange(512, dtype=np.uint64).reshape(8, 8, 8) + 2**40
    raw = write_volume(tmp_path / "raw", ramp((8, 8, 8)))
    dataset = CellMapDataset(raw, write_labels(tmp_path, {"id": ids}), ["id"], INPUTS, TARGETS)
    with CellMapDataLoader(dataset, num_workers=workers) as loader:
        (batch,) = kept(loader)
    np.testing.assert_array_equal(batch["gt"][0, 0].numpy().astype(np.uint64), ids)


@pytest.mark.parametrize("spatial", [None, {"rotate": {"z": [45, 45]}}], ids=["copied", "rotated"])
def test_nan_does_not_bleed(spatial, tmp_path) -> None:
    """One voxel of NaN makes at most the few voxels unknown that lie nearest to it."""
    values = ramp((16, 16, 16))
    values[8, 8, 8] = np.nan
    dataset = raw_of(tmp_path, values, spatial=spatial)
    assert 0 < max(int(dataset[i]["raw"].isnan().sum()) for i in range(0, len(dataset), 7)) <= 2


def test_transformations_of_the_group_count(tmp_path) -> None:
    """What the multiscale says of all levels is applied after what a level says of itself."""
    path = write_volume(tmp_path, ramp((8, 8, 8)))
    attributes = zarr.open_group(path, mode="r+").attrs
    (multiscale,) = attributes["multiscales"]
    steps = [{"type": "scale", "scale": [2, 2, 2]}, {"type": "translation", "translation": [100, 0, 0]}]
    attributes["multiscales"] = [{**multiscale, "coordinateTransformations": steps}]
    box = CellMapImage(path, "raw", (16, 16, 16), (4, 4, 4)).bounding_box
    assert box == {"z": (92, 220), "y": (-8, 120), "x": (-8, 120)}


@pytest.mark.parametrize("axes", ["xyz", "yzx", "czyx", "tcxzy"])
def test_axes_are_those_of_the_metadata(axes, tmp_path) -> None:
    """However the array is laid out, with channels and times or without, samples are z, y, x."""
    values = ramp((8, 9, 10))
    spatial = [axis for axis in axes if axis in "zyx"]
    stored = values.transpose(["zyx".index(axis) for axis in spatial])
    stored = stored.reshape((1,) * (len(axes) - 3) + stored.shape)
    size = (8,) * len(axes)
    dataset = raw_of(
        tmp_path, stored, axes=axes, voxel_size=size, translation=(0,) * len(axes), chunks=(4,) * len(axes)
    )
    np.testing.assert_array_equal(dataset[0]["raw"][0], values[:8, :8, :8])


@pytest.mark.parametrize(
    "options",
    [
        {"ngff": "0.4"},
        {"ngff": "0.4", "order": "F"},
        {"ngff": "0.4", "separator": "."},
        {"ngff": "0.5"},
        {"ngff": "0.5", "order": "F"},
        {"ngff": "0.5", "chunks": (4, 4, 4), "shards": (8, 8, 8)},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_formats_are_read(options, tmp_path) -> None:
    """Both versions, either order, nested and flat keys, shards; a chunk that is not stored is its fill."""
    values = ramp((12, 12, 12))
    values[:8, :8, :8] = 7
    dataset = raw_of(tmp_path, values, **{"chunks": (4, 4, 4), "fill_value": 7, **options})
    np.testing.assert_array_equal(dataset[0]["raw"][0], values[:8, :8, :8])
    np.testing.assert_array_equal(dataset[len(dataset) - 1]["raw"][0], values[4:, 4:, 4:])


def test_labels_behind_a_server_are_not_sought_on_the_disk(tmp_path) -> None:
    """Labels that only a server has are read, and a listed class that it does not have is an error."""
    local = open_crop(tmp_path)
    with serving(Files, directory=str(tmp_path)) as served:
        given = CLASSES, INPUTS, TARGETS
        there = CellMapDataset(f"{served.url}/raw", f"{served.url}/labels/[nuc,mito]", *given)
        assert equal(there[3], local[3])
        absent = CellMapDataset(f"{served.url}/raw", f"{served.url}/labels/[nuc,er]", *given)
        with pytest.raises(OSError, match="er"):
            absent[0]


def test_targets_of_several_scales_each_get_their_own(tmp_path) -> None:
    """The coarse target has the shape and the voxels of its own level."""
    raw = write_volume(tmp_path / "raw", ramp((16, 16, 16)), levels=2)
    labels = write_labels(tmp_path, {"id": ramp((16, 16, 16))}, levels=2)
    coarse = {"shape": (4, 4, 4), "scale": (16, 16, 16)}
    sample = CellMapDataset(raw, labels, ["id"], INPUTS, {"fine": CUBE, "coarse": coarse})[0]
    np.testing.assert_array_equal(sample["fine"], sample["raw"])
    assert sample["coarse"].shape == (1, 4, 4, 4)
    assert set(sample["coarse"].diff(dim=-1).unique().tolist()) == {2}


def test_what_is_not_annotated_takes_no_memory() -> None:
    """Thousands of empty images of large patches hold less than one patch."""
    tracemalloc.start()
    images = [EmptyImage("/nowhere", "er", (8, 8, 8), (128, 128, 128)) for _ in range(1000)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 128**3
    assert len(images) == 1000


def test_making_hundreds_of_crops_opens_nothing(tmp_path) -> None:
    """Crops whose volumes are not there are combined without a look; the first question finds them all."""
    crops = [
        CellMapDataset(f"{tmp_path}/{i}/raw", f"{tmp_path}/{i}/[nuc]", CLASSES, INPUTS, TARGETS)
        for i in range(300)
    ]
    combined = CellMapMultiDataset(crops)
    with pytest.raises(OSError, match="cannot be used") as told:
        len(combined)
    assert all(f"{tmp_path}/{i}/raw" in str(told.value) for i in (0, 299))


def contents(folder: Path) -> dict[str, str]:
    """The files below a folder with what they hold."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_counting_writes_nothing_into_the_ground_truth(tmp_path, cache_folder) -> None:
    """Counts are right, lie in the user's cache, and no file of the volumes changes."""
    dataset = open_crop(tmp_path)
    before = contents(tmp_path)
    shown = {
        name: int((zarr.open(f"{tmp_path}/labels/{name}/s0")[...] > 0).sum()) for name in ("nuc", "mito")
    }
    assert dataset.class_counts["totals"] == shown | {"er": 0}
    assert contents(tmp_path) == before
    assert contents(cache_folder)


def test_annotation_metadata_saves_the_counting(tmp_path) -> None:
    """Counts that the volume itself tells are believed."""
    dataset = open_crop(tmp_path)
    annotation = {"class_name": "nuc", "complement_counts": {"absent": 1700, "unknown": 0}}
    zarr.open(f"{tmp_path}/labels/nuc/s0", mode="r+").attrs["cellmap"] = {"annotation": annotation}
    assert dataset.class_counts["totals"]["nuc"] == 12**3 - 1700


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path, monkeypatch) -> None:
    """Counting goes on where the user's cache is no folder."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CELLMAP_DATA_CACHE_DIR", str(tmp_path / "file"))
    dataset = open_crop(tmp_path / "crop")
    with pytest.warns(UserWarning, match="cache|count") as told:
        assert dataset.class_counts["totals"]["nuc"] > 0
    assert len(told) == 1


def test_transforms_of_one_kind_leave_the_others(tmp_path) -> None:
    """Replacing raw's transforms keeps those of targets."""
    dataset = open_crop(tmp_path, target_value_transforms=lambda labels: labels + 5)
    dataset.set_raw_value_transforms(Normalize())
    assert dataset[0]["gt"][0].min() >= 5
    assert dataset[0]["raw"].max() <= 1


@pytest.mark.parametrize("workers", [0, 2])
def test_no_augmentation_repeats(workers, tmp_path) -> None:
    """In two epochs no two samples draw the same, whichever worker makes them."""
    white = write_volume(tmp_path, np.zeros((9, 9, 9), np.float32))
    dataset = CellMapDataset(white, input_arrays=WHOLE, raw_value_transforms=noisy, seed=0)
    with CellMapDataLoader(dataset, batch_size=2, num_workers=workers) as loader:
        noise = [row[0, 0, 0, 0].item() for _ in range(2) for batch in loader for row in batch["raw"]]
    assert len(set(noise)) == len(noise) == 16


def train(rank: int, folder: Path) -> None:
    """One rank of two: write down the positions and the noise of an epoch."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    dataset = CellMapDataset(f"{folder}/raw", input_arrays=WHOLE, raw_value_transforms=noisy, seed=0)
    batches = kept(CellMapDataLoader(dataset, batch_size=2))
    rows = [(int(i), float(x.min())) for b in batches for i, x in zip(b["idx"], b["raw"], strict=True)]
    (folder / f"{rank}.json").write_text(json.dumps(rows))
    torch.distributed.destroy_process_group()


def test_ranks_draw_differently(tmp_path) -> None:
    """Two ranks without a sampler of their own share an epoch, and no noise is drawn twice."""
    write_volume(tmp_path / "raw", np.zeros((9, 9, 9), np.float32))
    torch.multiprocessing.start_processes(train, (tmp_path,), nprocs=2, start_method="spawn")
    rows = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert sorted(i for i, _ in itertools.chain(*rows)) == list(range(8))
    assert len({noise for _, noise in itertools.chain(*rows)}) == 8


def test_threads_do_not_mix_augmentations(tmp_path) -> None:
    """Many threads on one dataset get what one thread gets."""
    dataset = open_crop(tmp_path, spatial_transforms={**RANDOM, "rotate": {"z": 45}})
    expected = [dataset[i] for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(dataset.__getitem__, [*range(24)] * 3))
    assert all(map(equal, found, expected * 3))


def test_reading_before_workers_start_does_not_hang_them(tmp_path) -> None:
    """A script that looks at a sample first gets its epoch through workers all the same."""
    dataset = open_crop(tmp_path)
    dataset[0]
    with CellMapDataLoader(dataset, batch_size=25, num_workers=2, timeout=60) as loader:
        assert sum(len(batch["idx"]) for batch in loader) == 125


def test_what_cannot_be_pickled_is_said(tmp_path) -> None:
    """A transform that cannot travel to workers is an error that says so, not a hang."""
    lock = threading.Lock()

    def locked(values):
        with lock:
            return values

    dataset = open_crop(tmp_path, raw_value_transforms=locked)
    dataset[0]
    with (
        CellMapDataLoader(dataset, num_workers=1, multiprocessing_context="spawn") as loader,
        pytest.raises((ValueError, TypeError, RuntimeError), match="pickle"),
    ):
        next(iter(loader))


@pytest.mark.parametrize("several", [False, True], ids=["crop", "crops"])
def test_iteration_ends(several, tmp_path) -> None:
    """``for`` over a dataset comes to an end, and an index beyond it is an IndexError."""
    dataset = open_crop(tmp_path, (9, 9, 9))
    dataset = CellMapMultiDataset([dataset, dataset]) if several else dataset
    assert [int(sample["idx"]) for sample in dataset] == list(range(len(dataset)))
    for index in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError):
            dataset[index]


def test_an_epoch_is_read_in_bounded_memory(tmp_path) -> None:
    """Without any context, reading 100 MB with a budget of 16 MB grows the process by little more."""
    for i in range(12):
        values = np.random.default_rng(i).integers(0, 256, (128, 256, 256), dtype=np.uint8)
        write_volume(tmp_path / str(i), values, chunks=(64, 64, 64))
    script = (
        "import resource, sys\n"
        "from cellmap_data import CellMapDataset\n"
        "from cellmap_data.storage import set_cache_budget\n"
        "set_cache_budget(16_000_000)\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "arrays = {'raw': {'shape': (64, 64, 64), 'scale': (8, 8, 8)}}\n"
        "crops = [CellMapDataset(f'{sys.argv[1]}/{i}', input_arrays=arrays) for i in range(12)]\n"
        "for crop in crops[:3]: [crop[i] for i in crop.validation_indices]\n"
        "before = peak()\n"
        "for crop in crops: [crop[i] for i in crop.validation_indices]\n"
        "assert peak() - before < 40_000, f'{peak() - before} kB'\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env={**os.environ})
