"""zarrdataset in torch's DataLoader: patches of a grid in random order, for it knows no others.

They lie side by side. With a smaller stride some would reach beyond the volume, and be filled with zeros.
"""

from __future__ import annotations

import zarrdataset as zds
from serve import serve
from torch import stack
from torch.utils.data import DataLoader


def make(task):
    """Batches of epoch after epoch."""
    (place,) = task.places
    files = {"data_group": "s0", "source_axes": "ZYX", "axes": "ZYX"}
    specs = [zds.ImagesDatasetSpecs(filenames=[f"{place}/raw"], **files)]
    for name in task.classes:
        specs.append(
            zds.LabelsDatasetSpecs(
                filenames=[f"{place}/labels/{name}"], modality=name, input_mode="images", **files
            )
        )
    sampler = zds.PatchSampler(patch_size=task.patch, spatial_axes="ZYX")
    dataset = zds.ZarrDataset(specs, patch_sampler=sampler, shuffle=True)
    loader = DataLoader(
        dataset,
        batch_size=task.batch,
        num_workers=task.workers,
        worker_init_fn=zds.zarrdataset_worker_init_fn if task.workers else None,
        persistent_workers=bool(task.workers),
        drop_last=True,
    )
    while True:
        for raw, *labels in loader:
            yield {"raw": raw[:, None], "labels": stack(labels, 1)}


if __name__ == "__main__":
    serve(make)
