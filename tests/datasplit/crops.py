"""Crops to split, and how the tests ask for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellmap_data import CellMapDataSplit
from cellmap_data.testing import write_labels, write_volume

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
INPUTS, TARGETS = {"raw": CUBE}, {"gt": CUBE}
CLASSES = ["nuc", "mito"]


def write_dataset(path, crops=(), seed=0) -> str:
    """A volume as CellMap lays it out, raw of 16 x 64 x 32 voxels of 8 nm; returns where its raw is.

    Of each crop there is a name, its classes and where its 12 x 12 x 12 voxels begin along y, nm.
    """
    store = f"{path}/{path.name}.zarr/recon-1"
    values = np.random.default_rng(seed).integers(0, 256, (16, 64, 32), dtype=np.uint8)
    raw = write_volume(f"{store}/em/fibsem-uint8", values)
    for name, classes, y in crops:
        labels = dict.fromkeys(classes, np.ones((12, 12, 12), np.uint8))
        write_labels(f"{store}/labels/groundtruth/{name}", labels, translation=(0, y, 0))
    return raw


def labels_of(raw: str, crop: str, classes=CLASSES) -> str:
    """What a dataset takes as the labels of a crop."""
    return f"{raw.removesuffix('em/fibsem-uint8')}labels/groundtruth/{crop}/[{','.join(classes)}]"


def split_of(**options: Any) -> CellMapDataSplit:
    """A split of crops with both classes."""
    return CellMapDataSplit(INPUTS, TARGETS, CLASSES, **{"seed": 3, **options})


def write_table(path, rows) -> str:
    """A table in its plainest form."""
    path.write_text("".join(f'{usage},"{raw}","{labels}"\n' for usage, raw, labels in rows))
    return str(path)
