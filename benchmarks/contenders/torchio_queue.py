"""torchio: reads no OME-Zarr of its own, so crops are loaded with zarr once; its queue cuts patches."""

from __future__ import annotations

import numpy as np
import torch
import torchio as tio
import zarr
from serve import serve

CROPS, PATCHES = 2, 8  # that the queue holds, and that it cuts from each


def subject(place, classes):
    """A crop in memory."""
    raw = zarr.open_array(f"{place}/raw/s0", mode="r")[:][None]
    labels = np.stack([zarr.open_array(f"{place}/labels/{name}/s0", mode="r")[:] for name in classes])
    return tio.Subject(
        raw=tio.ScalarImage(tensor=torch.from_numpy(raw)),
        labels=tio.LabelMap(tensor=torch.from_numpy(labels)),
    )


def make(task):
    """Batches of its queue."""
    subjects = tio.SubjectsDataset([subject(place, task.classes) for place in task.places])
    sampler = tio.UniformSampler(task.patch)
    queue = tio.Queue(subjects, CROPS * PATCHES, PATCHES, sampler, num_workers=task.workers)
    loader = tio.SubjectsLoader(queue, batch_size=task.batch, num_workers=0)
    while True:
        for batch in loader:
            yield {key: batch[key][tio.DATA] for key in ("raw", "labels")}


if __name__ == "__main__":
    serve(make)
