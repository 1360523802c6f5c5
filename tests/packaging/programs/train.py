"""Train on a crop of noise with two workers that stay, switch a plugin, and tell what was seen."""

from __future__ import annotations

import json
import multiprocessing
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.errors import HookError
from cellmap_data.testing import write_crop

BATCHES, BATCH_SIZE = 40, 2


def make_loader(folder: str, plugins: Any) -> EnhancedCellMapDataLoader:
    """A loader of patches of 8 x 8 x 8 voxels."""
    raw, labels = write_crop(Path(folder) / "crop-7", (24, 24, 24), ("nuc",))
    patch = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
    dataset = CellMapDataset(raw, labels, ["nuc"], {"raw": patch}, {"labels": patch}, seed=1)
    return EnhancedCellMapDataLoader(
        dataset,
        batch_size=BATCH_SIZE,
        iterations_per_epoch=BATCHES,
        num_workers=2,
        persistent_workers=True,
        plugins=plugins,
    )


def noise(batch: dict[str, torch.Tensor]) -> float:
    """How much the values of a batch differ."""
    return float(batch["raw"].std())


def workers() -> list[int]:
    """The processes that read."""
    return sorted(child.pid or 0 for child in multiprocessing.active_children())


def train(loader: EnhancedCellMapDataLoader, switched: str) -> dict[str, Any]:
    """An epoch as it is, then one in which a plugin is off after batch 4 and on again after batch 20."""
    seen: dict[str, Any] = {"undisturbed": [noise(batch) for batch in loader]}
    seen |= {"report": loader.report().as_dict(), "workers": [workers()], "switched": []}
    for number, batch in enumerate(loader, start=1):
        seen["switched"].append(noise(batch))
        if number == 4:
            loader.plugin_manager.disable_plugin(switched)
        if number == 20:
            seen["workers"].append(workers())
            loader.plugin_manager.enable_plugin(switched)
    seen["workers"].append(workers())
    return seen


def failure(error: HookError) -> dict[str, Any]:
    """All that an error of a plugin says."""
    fields = ("plugin", "hook", "distribution", "index", "crop", "seed", "epoch", "k")
    cause = error.__cause__
    return {field: getattr(error, field) for field in fields} | {
        "message": str(error),
        "cause": f"{type(cause).__name__}: {cause}",
    }


def main(plugins: Any, switched: str) -> dict[str, Any]:
    """Train; an error of a plugin ends it."""
    with TemporaryDirectory() as folder, make_loader(folder, plugins) as loader:
        try:
            return train(loader, switched)
        except HookError as error:
            return failure(error)


if __name__ == "__main__":
    print(json.dumps(main(*map(json.loads, sys.argv[1:]))))
