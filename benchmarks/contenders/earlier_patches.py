"""The earlier cellmap-data (2026.3), as its documentation says. It delivers float32."""

from __future__ import annotations

import numpy as np
from serve import serve
from torch.utils.data import Sampler

import cellmap_data


class Aligned(Sampler):
    """Random places on multiples of ``align`` voxels, as indices of a dataset."""

    def __init__(self, places, align):
        self.places, self.align = places, align

    def __iter__(self):
        rng, steps = np.random.default_rng(0), (self.places - 1) // self.align + 1
        for _ in range(len(self)):
            corner = rng.integers(steps, size=3) * self.align
            yield int(np.ravel_multi_index(corner, (self.places,) * 3))

    def __len__(self):
        return 10**7


def make(task):
    """Batches of its loader."""
    array = {"shape": (task.patch,) * 3, "scale": (8.0,) * 3}
    dataset = cellmap_data.CellMapDataset(
        f"{task.folder}/raw",
        f"{task.folder}/labels/[{','.join(task.classes)}]",
        task.classes,
        {"raw": array},
        {"labels": array},
        spatial_transforms=task.transforms or None,
    )
    options = {"persistent_workers": True} if task.workers else {}
    return cellmap_data.CellMapDataLoader(
        dataset,
        batch_size=task.batch,
        num_workers=task.workers,
        is_train=True,
        device="cpu",
        iterations_per_epoch=10**5,
        **options,
    )


if __name__ == "__main__":
    serve(make)
