"""Outputs as the tests of this folder make and read them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import zarr

from cellmap_data import ImageWriter
from cellmap_data.testing import ramp

CUBE = dict.fromkeys("zyx", (0, 160))  # 20 voxels of 8 nm
FORMATS = {
    "0.4": {"ngff": "0.4"},
    "0.5": {"ngff": "0.5"},
    "0.5 sharded": {"ngff": "0.5", "chunk_shape": (4, 4, 4)},
}


def make(path, *, box=CUBE, block=(8, 8, 8), scale=(8, 8, 8), **options) -> ImageWriter:
    """A writer of 20 x 20 x 20 voxels in blocks of 8, unless something else is said."""
    return ImageWriter(str(path), "mito", scale, box, block, **options)


def fill(writer: ImageWriter, values: np.ndarray) -> None:
    """Write a whole volume, z y x, block by block."""
    for block in writer.blocks:
        writer.write(block, values[(..., *block.slices)])


def ramp_of(writer: ImageWriter, dtype=np.float32) -> np.ndarray:
    """Values that tell where they lie, z y x."""
    return ramp(writer.lattice.shape, dtype)


def stored(path, level: str = "s0") -> np.ndarray:
    """A level as zarr reads it, past this package."""
    return zarr.open_group(str(path), mode="r")[level][...]


@contextmanager
def files_no_longer_than(nbytes: int) -> Iterator[None]:
    """What a full disk does to this process: no file grows beyond a length."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
