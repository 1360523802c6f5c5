"""Thousands of small annotated crops, from a seeded generator.

The crops share the bytes of their chunks, as hard links, so that writing them takes seconds; each has
metadata of its own, which says where it lies.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from numcodecs import Zstd

from benchmarks import volume

SIZE = 64
LEVELS = 2
CLASSES = volume.CLASSES[:14]


def make(folder: Path, crops: int = 2000, seed: int = 0) -> list[tuple[str, str]]:
    """Write crops of 64^3 voxels, raw and 14 classes, as OME-NGFF 0.4 (zarr v2, zstd, two levels), once.

    Returns
    -------
    list of tuple
        ``raw_path`` and ``target_path`` of each crop.
    """
    places = [folder / f"crop{number:04d}" for number in range(crops)]
    done = folder / f"done-{crops}-{seed}"
    if not done.exists():
        rng = np.random.default_rng(seed)
        model = _model(folder / "model", rng)
        for place in places:
            _write_crop(place, model, rng.integers(0, 10**4, 3) * volume.VOXEL)
        done.touch()
    return [(f"{place}/raw", volume.target_path(place, CLASSES)) for place in places]


def _model(place: Path, rng: np.random.Generator) -> dict[str, list[Path]]:
    """The files of raw and of a label that all crops have in common: group -> those of each level."""
    place.mkdir(parents=True, exist_ok=True)
    raw = rng.integers(0, 256, (SIZE,) * 3, dtype=np.uint8)
    label = np.kron(rng.random((8, 8, 8)) > 0.7, np.ones((SIZE // 8,) * 3)).astype(np.uint8)
    return {
        name: [
            _write_level(place / f"{name}{level}", values[(slice(None, None, 2**level),) * 3])
            for level in range(LEVELS)
        ]
        for name, values in (("raw", raw), ("label", label))
    }


def _write_level(place: Path, values: np.ndarray) -> Path:
    place.mkdir(exist_ok=True)
    metadata = {
        "zarr_format": 2,
        "shape": values.shape,
        "chunks": values.shape,
        "dtype": "|u1",
        "order": "C",
        "fill_value": 0,
        "filters": None,
        "compressor": {"id": "zstd", "level": 3},
        "dimension_separator": ".",
    }
    (place / ".zarray").write_text(json.dumps(metadata))
    (place / "0.0.0").write_bytes(Zstd(level=3).encode(np.ascontiguousarray(values)))
    return place


def _write_crop(place: Path, model: dict[str, list[Path]], corner: np.ndarray) -> None:
    multiscale = {"version": "0.4", **volume.multiscale(place.name, LEVELS, corner)}
    attributes = json.dumps({"multiscales": [multiscale]})
    for group, levels in [("raw", model["raw"]), *((f"labels/{name}", model["label"]) for name in CLASSES)]:
        for level, source in enumerate(levels):
            target = place / group / f"s{level}"
            target.mkdir(parents=True)
            for name in (".zarray", "0.0.0"):
                os.link(source / name, target / name)
        (place / group / ".zgroup").write_text('{"zarr_format": 2}')
        (place / group / ".zattrs").write_text(attributes)
