"""How the demo uses the package: a dataset and a loader for training, a plain read for scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cellmap_data.cli.demo.labels import CLASSES
from cellmap_data.cli.demo.sample import VOXEL_NM
from cellmap_data.cli.demo.score import HeldOut
from cellmap_data.cli.demo.volume import HELDOUT, TRAIN, Crop
from cellmap_data.dataset import CellMapDataset
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.errors import UnknownPluginError
from cellmap_data.transforms import GaussianNoise, Normalize, RandomContrast, RandomGamma

__all__ = ["held_out_region", "open_crop", "training_loader"]

PATCH = (32, 64, 64)
BATCH = 2
WHITE = 65_535
"""The brightest value of raw, which is uint16: the model sees 0 to 1."""

INTENSITY = (RandomContrast((0.8, 1.2)), RandomGamma((0.8, 1.2)), GaussianNoise(std=0.01))

EXAMPLE_PLUGIN = "template.sections is the example in the repository: pip install ./examples/plugin_template"

SPATIAL = {
    "mirror": {"axes": {"x": 0.5, "y": 0.5, "z": 0.5}},
    "transpose": {"axes": ["x", "y"]},
    "rotate": {"axes": {"z": [-45, 45]}},
    "elastic": {"control_point_spacing": 4000, "max_displacement": 600, "probability": 0.5},  # nm
}


def training_loader(
    volume: Path, steps: int, workers: int, seed: int, plugins: Sequence[str]
) -> EnhancedCellMapDataLoader:
    """Random patches of the training crop, augmented in space and intensity, ``steps`` batches an epoch.

    Raises
    ------
    UnknownPluginError
        If a plugin is not installed.
    """
    try:
        return EnhancedCellMapDataLoader(
            open_crop(volume, TRAIN, PATCH, spatial_transforms=SPATIAL, coarse=True),
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
            iterations_per_epoch=steps,
            rng=torch.Generator().manual_seed(seed),
            transforms={"raw": INTENSITY},
            plugins=plugins,
        )
    except UnknownPluginError as error:
        error.add_note(EXAMPLE_PLUGIN)
        raise


def held_out_region(volume: Path, shape: tuple[int, int, int]) -> HeldOut:
    """The held-out crop of ``shape``, whole: a single patch, no augmentation, no loader."""
    sample = open_crop(volume, HELDOUT, shape)[0]
    return HeldOut(raw=sample["raw"], truth=(sample["labels"] > 0).numpy())


def open_crop(
    volume: Path,
    crop: Crop,
    patch: tuple[int, int, int],
    spatial_transforms: Mapping[str, Any] | None = None,
    coarse: bool = False,
) -> CellMapDataset:
    """A dataset of all patches of a crop: "raw" [1, Z, Y, X] and "labels" [2, Z, Y, X], finest voxels.

    With ``coarse`` also "coarse" [2, Z / 2, Y / 2, X / 2]: the labels of the same space, in voxels of twice
    the size.
    """
    array: dict[str, Sequence[float]] = {"shape": patch, "scale": VOXEL_NM}
    targets = {"labels": array}
    if coarse:
        half = [size // 2 for size in patch]
        targets["coarse"] = {"shape": half, "scale": [2 * size for size in VOXEL_NM]}
    return CellMapDataset(
        raw_path=f"{volume}/raw",
        target_path=crop.target_path(volume),
        classes=CLASSES,
        input_arrays={"raw": array},
        target_arrays=targets,
        spatial_transforms=spatial_transforms,
        raw_value_transforms=Normalize(scale=1 / WHITE),
    )
