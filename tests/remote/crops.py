"""The crop that is put into stores, and where it is found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cellmap_data import CellMapDataset

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "a-secret"}


@dataclass(frozen=True)
class Bucket:
    """A bucket that holds the crop twice: ``private/`` and, for anybody, ``public/``."""

    endpoint: str

    raw = "s3://volumes/private/raw"
    labels = "s3://volumes/private/labels/[nuc,mito]"


def make_dataset(raw: str, labels: str, **options: Any) -> CellMapDataset:
    """A dataset of two annotated classes and one that is not."""
    return CellMapDataset(raw, labels, ["nuc", "er", "mito"], {"raw": CUBE}, {"gt": CUBE}, seed=1, **options)
