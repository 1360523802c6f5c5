"""A synthetic volume that compresses like electron microscopy, from a seeded generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import zarr
from numcodecs import Zstd

VOXEL = 8.0
CLASSES = [f"class{n:02d}" for n in range(14)]


def make(folder: Path, size: int = 512, classes: int = 3, chunk: int = 64, seed: int = 0) -> Path:
    """Write ``raw`` and ``labels/class..`` as OME-NGFF 0.4 (zarr v2, zstd) below ``folder``, once.

    Raw is uint8 with smooth structures under noise; labels are 0 or 1, most chunks constant.
    """
    done = folder / f"done-{size}-{classes}-{chunk}-{seed}"
    if done.exists():
        return folder
    rng = np.random.default_rng(seed)
    smooth = _smooth(rng, size, cells=16)
    raw = 128 + 60 * smooth + rng.normal(0, 8, smooth.shape).astype(np.float32)
    _write(folder / "raw", np.clip(raw, 0, 255).astype(np.uint8), chunk)
    for name in CLASSES[:classes]:
        _write(folder / "labels" / name, (_smooth(rng, size, cells=6) > 0.8).astype(np.uint8), chunk)
    done.touch()
    return folder


def _smooth(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Trilinear interpolation of coarse noise, roughly -1..1."""
    values = rng.normal(0, 0.6, (cells + 1,) * 3).astype(np.float32)
    for axis in range(3):
        at = np.linspace(0, cells, size, endpoint=False)
        low = at.astype(int)
        weight = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, low + 1, axis) * weight
    return values


def _write(path: Path, array: np.ndarray, chunk: int) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    stored = group.create_array(
        "s0",
        shape=array.shape,
        chunks=(chunk,) * 3,
        dtype=array.dtype,
        compressors=Zstd(level=3),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    stored[:] = array
    transforms = [
        {"type": "scale", "scale": [VOXEL] * 3},
        {"type": "translation", "translation": [0.0] * 3},
    ]
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    datasets = [{"path": "s0", "coordinateTransformations": transforms}]
    multiscale = {"version": "0.4", "name": path.name, "axes": axes, "datasets": datasets}
    (path / ".zattrs").write_text(json.dumps({"multiscales": [multiscale]}))
