"""MONAI: reads no OME-Zarr of its own, so crops are loaded with zarr once, kept whole, and cut at random."""

from __future__ import annotations

import numpy as np
import torch
import zarr
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, RandSpatialCropd
from serve import serve


def load(paths):
    """Raw and labels of a crop, with a channel axis."""
    raw = zarr.open_array(f"{paths['place']}/raw/s0", mode="r")[:][None]
    labels = [zarr.open_array(f"{paths['place']}/labels/{name}/s0", mode="r")[:] for name in paths["classes"]]
    return {"raw": torch.from_numpy(raw), "labels": torch.from_numpy(np.stack(labels))}


def make(task):
    """Batches of epoch after epoch; a crop gives a patch in each."""
    crops = [{"place": place, "classes": task.classes} for place in task.places]
    cut = RandSpatialCropd(["raw", "labels"], (task.patch,) * 3, random_size=False)
    dataset = CacheDataset(crops, Compose([load, cut]), progress=False)
    loader = DataLoader(
        dataset,
        batch_size=task.batch,
        num_workers=task.workers,
        shuffle=True,
        persistent_workers=bool(task.workers),
    )
    while True:
        yield from loader


if __name__ == "__main__":
    serve(make)
