"""From OME-Zarr on disk to batches: real volumes, real workers, all plugins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset, CellMapMultiDataset, EnhancedCellMapDataLoader
from cellmap_data.transforms import GaussianNoise, RandomContrast
from tests.toy import EXECUTORS, executor_id, seeded
from tests.volumes import make_crop, write_multiscale

ARRAYS = {"raw": {"shape": (8, 12, 12), "scale": (8, 8, 8)}}
LABELS = {"labels": {"shape": (8, 12, 12), "scale": (8, 8, 8)}}
MOTIONS = {
    "mirror": {"axes": {"x": 0.5, "y": 0.5}},
    "transpose": {"axes": ["x", "y"]},
    "rotate": {"axes": {"z": [-30, 30]}},
}


def crops(tmp_path, **options):
    """Two crops, annotated with different classes, in both formats."""
    parts = []
    for number, (ngff, annotated) in enumerate([("0.4", ("nuc", "mito")), ("0.5", ("nuc",))]):
        folder = tmp_path / f"crop{number}"
        raw, labels = make_crop(folder, annotated=annotated, ngff=ngff, seed=number)
        parts.append(CellMapDataset(str(raw), str(labels), ["nuc", "mito"], ARRAYS, LABELS, **options))
    return CellMapMultiDataset(parts, ["nuc", "mito"], ARRAYS, LABELS)


@pytest.mark.executor
def test_every_executor_gives_the_same_voxels(tmp_path):
    """Rotated, mirrored, noisy patches of two crops are bit-identical for threads and workers."""
    results = []
    transforms = [{"raw": [RandomContrast((0.5, 1.5)), GaussianNoise(std=2.0)]}, jitter]
    for options in [{"enable_prefetch": False}, {"max_prefetch": 6}, *EXECUTORS[1:]]:
        dataset = crops(tmp_path, spatial_transforms=MOTIONS)
        with EnhancedCellMapDataLoader(
            dataset, batch_size=3, rng=seeded(), iterations_per_epoch=5, transforms=transforms, **options
        ) as loader:
            results.append([batch for _ in range(2) for batch in loader])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert one.keys() == two.keys()
            assert all(torch.equal(one[key].nan_to_num(-1), two[key].nan_to_num(-1)) for key in one)


def jitter(sample):
    """Draws from torch's global generator."""
    sample["raw"] += torch.randn(())
    return sample


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_voxels_are_where_the_metadata_says(tmp_path, options):
    """A volume whose value is its position gives patches that are exactly the part they claim to be."""
    shape = (20, 24, 28)
    ramp = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    raw = write_multiscale(tmp_path / "ramp.zarr", ramp, chunks=(7, 8, 9))
    arrays = {"raw": {"shape": (6, 7, 8), "scale": (8, 8, 8)}}
    dataset = CellMapDataset(str(raw), None, None, arrays, None, raw_value_transforms=as_float64)
    counts = [n - p + 1 for n, p in zip(shape, (6, 7, 8), strict=True)]
    assert len(dataset) == np.prod(counts)
    with EnhancedCellMapDataLoader(
        dataset, batch_size=4, iterations_per_epoch=30, rng=seeded(), **options
    ) as loader:
        for batch in loader:
            for idx, patch in zip(batch["idx"].tolist(), batch["raw"], strict=True):
                z, y, x = np.unravel_index(idx, counts)
                assert np.array_equal(patch[0], ramp[z : z + 6, y : y + 7, x : x + 8])


def as_float64(raw):
    """Exact for every value of the ramp."""
    return raw.to(torch.float64)


@pytest.mark.parametrize("options", [EXECUTORS[0], EXECUTORS[3]], ids=executor_id)
def test_changes_of_a_dataset_reach_the_next_epoch(tmp_path, options):
    """Transforms that are set between epochs take effect in the next, in persistent workers too."""
    dataset = crops(tmp_path)
    with EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=4, **options) as loader:
        assert all((batch["raw"] >= 0).all() for batch in loader)
        dataset.set_raw_value_transforms(minus_one)
        assert all((batch["raw"] == -1).all() for batch in loader)


def minus_one(raw):
    return torch.full_like(raw, -1, dtype=torch.float32)


def test_an_unannotated_class_is_unknown(tmp_path):
    """In a batch of both crops, the class that one of them lacks is NaN there and labelled in the other."""
    options = {"batch_size": 4, "iterations_per_epoch": 40}
    loader = EnhancedCellMapDataLoader(crops(tmp_path), rng=seeded(), **options)
    dataset = loader.dataset
    border = len(dataset.datasets[0])
    seen = set()
    for batch in loader:
        assert batch["labels"].shape[1:] == (2, 8, 12, 12)
        for idx, labels in zip(batch["idx"].tolist(), batch["labels"], strict=True):
            assert bool(labels[1].isnan().all()) == (idx >= border)
            assert not labels[0].isnan().any()
            seen.add(idx >= border)
    assert seen == {True, False}
