"""What the programs of this folder ask for, and how they compare what they get."""

from __future__ import annotations

import torch

from cellmap_data import CellMapDataset
from cellmap_data.testing import write_crop

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
INPUTS, TARGETS = {"raw": CUBE}, {"gt": CUBE}
CLASSES = ["nuc", "er", "mito"]  # of which "er" is never annotated
RANDOM = {"mirror": {"axes": {"x": 0.5, "y": 0.5}}, "transpose": {"axes": ["x", "y"]}}


def noisy(values: torch.Tensor) -> torch.Tensor:
    """Somebody's transform, which draws from torch's global generator."""
    return values.float() + torch.randn(1)


def open_crop(path, shape=(12, 12, 12), content=0, **options) -> CellMapDataset:
    """A crop of noise, written to ``path``, as the simplest training script opens it."""
    raw, labels = write_crop(path, shape, classes=("nuc", "mito"), seed=content)
    return CellMapDataset(raw, labels, CLASSES, INPUTS, TARGETS, **{"seed": 3, **options})


def equal(one, other) -> bool:
    """Whether two samples or batches hold the same in the same types; NaN equals NaN."""
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key].nan_to_num(-1), other[key].nan_to_num(-1))
        for key in one
    )


def kept(batches) -> list[dict[str, torch.Tensor]]:
    """Copies of batches, whose own memory is used again."""
    return [{name: value.clone() for name, value in batch.items()} for batch in batches]
