"""Ours, as users call it."""

from __future__ import annotations

import numpy as np
from serve import serve
from torch.utils.data import Sampler

import cellmap_data
from cellmap_data import storage
from cellmap_data.hookspecs import hookimpl

VOXEL = (8.0,) * 3


class Identity:
    """A plugin that gives back what it gets."""

    @hookimpl
    def post_sample(self, sample, index, rng, is_train):  # noqa: ARG002 - asks for all there is
        return sample


class Aligned(Sampler):
    """Random places on multiples of ``align`` voxels, as indices of a dataset."""

    def __init__(self, places, align, seed):
        self.places, self.align, self.seed = places, align, seed

    def __iter__(self):
        rng, steps = np.random.default_rng(self.seed), (self.places - 1) // self.align + 1
        for _ in range(len(self)):
            corner = rng.integers(steps, size=3) * self.align
            yield int(np.ravel_multi_index(corner, (self.places,) * 3))

    def __len__(self):
        return 10**7


def dataset_of(task):
    """The dataset of a task."""
    array = {"shape": (task.patch,) * 3, "scale": VOXEL}
    options = {"dtype": "native"} if task.dtype == "native" else {}
    return cellmap_data.CellMapDataset(
        f"{task.folder}/raw",
        f"{task.folder}/labels/[{','.join(task.classes)}]",
        task.classes,
        {"raw": array},
        {"labels": array},
        spatial_transforms=task.transforms,
        **options,
    )


def make(task):
    """Batches of the enhanced loader with the task's options."""
    storage.set_cache_budget(task.cache)
    dataset, places = dataset_of(task), task.size - task.patch + 1
    options = {"num_workers": task.workers, "persistent_workers": True} if task.workers else {}
    if task.align > 1:
        options["sampler"] = Aligned(places, task.align, seed=0)
    loader = cellmap_data.EnhancedCellMapDataLoader(
        dataset, batch_size=task.batch, device="cpu", is_train=True, iterations_per_epoch=10**6, **options
    )
    for number in range(task.plugins):
        loader.add_plugin(Identity(), name=f"identity{number}")
    return loader


def places_of(task, batch):
    """The first voxels of the patches: positions are counted in C order, a voxel a step."""
    return np.transpose(np.unravel_index(batch["idx"], (task.size - task.patch + 1,) * 3))


if __name__ == "__main__":
    serve(make, places_of)
