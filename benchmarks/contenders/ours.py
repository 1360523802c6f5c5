"""Ours, as users call it."""

from __future__ import annotations

import numpy as np
from serve import serve
from torch.utils.data import Sampler

import cellmap_data
from cellmap_data import storage
from cellmap_data.hookspecs import hookimpl


class Identity:
    """A plugin that gives back what it gets."""

    @hookimpl
    def post_sample(self, sample, index, rng, is_train):  # noqa: ARG002 - asks for all there is
        return sample


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


def dataset_of(task):
    """One volume, or many crops."""
    array = {"shape": (task.patch,) * 3, "scale": (8.0,) * 3}
    arrays = {"raw": array}, {"labels": array}
    options = {"dtype": "native"} if task.dtype == "native" else {}
    datasets = [
        cellmap_data.CellMapDataset(
            f"{place}/raw",
            f"{place}/labels/[{','.join(task.classes)}]",
            task.classes,
            *arrays,
            spatial_transforms=task.transforms or None,
            **options,
        )
        for place in task.places
    ]
    if task.crops:
        return cellmap_data.CellMapMultiDataset(datasets, task.classes, *arrays)
    return datasets[0]


def make(task):
    """Batches of the enhanced loader with the task's options."""
    storage.set_cache_budget(task.cache << 20)
    options = {"num_workers": task.workers, "persistent_workers": True} if task.workers else {}
    if task.align > 1:
        options["sampler"] = Aligned(task.size - task.patch + 1, task.align)
    if task.window:
        options["patches_per_window"] = task.window
    loader = cellmap_data.EnhancedCellMapDataLoader(
        dataset_of(task),
        batch_size=task.batch,
        device="cpu",
        is_train=True,
        iterations_per_epoch=10**6,
        **options,
    )
    for number in range(task.plugins):
        loader.add_plugin(Identity(), name=f"identity{number}")
    return loader


def places_of(task, batch):
    """The first voxels of the patches: positions are counted in C order, a voxel a step."""
    if task.crops:
        return None
    return np.transpose(np.unravel_index(batch["idx"], (task.size - task.patch + 1,) * 3)).tolist()


if __name__ == "__main__":
    serve(make, places_of)
