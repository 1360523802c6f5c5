"""Writes the sample as OME-Zarr 0.5: raw over the whole volume, labels as two crops that lie apart.

::

    nuclei.zarr/
        raw/s0, s1, s2                          uint16
        train/labels/nuclei/s0, s1, s2          uint8, and boundary/ likewise
        heldout/labels/nuclei/s0, s1, s2

Every level halves all axes. A level's translation is the centre of its first voxel, so level n starts half a
coarse voxel less half a fine one further in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from cellmap_data.cli.demo.labels import CLASSES, class_masks
from cellmap_data.cli.demo.sample import VOXEL_NM, NucleiSample
from cellmap_data.errors import ConfigurationError, message

__all__ = ["HELDOUT", "TRAIN", "Crop", "write_volume"]

_OWN: dict[str, Any] = {"written by": "cellmap-data demo"}
LEVELS = 3
CHUNKS = (32, 64, 64)


@dataclass(frozen=True, slots=True)
class Crop:
    """A labelled part of the volume: all of z and y, ``x`` as a half-open range of voxels."""

    name: str
    x: tuple[int, int]

    def cut(self, volume: NDArray[Any]) -> NDArray[Any]:
        """The crop's part of a volume [..., X]."""
        return volume[..., slice(*self.x)]

    def target_path(self, root: Path) -> str:
        """What ``CellMapDataset`` takes as ``target_path``."""
        return f"{root}/{self.name}/labels/[{','.join(CLASSES)}]"


TRAIN = Crop("train", (0, 160))
HELDOUT = Crop("heldout", (176, 256))
"""The 16 voxels between the two are more than a patch reaches beyond its crop when it is rotated."""


def write_volume(path: Path, sample: NucleiSample) -> Path:
    """Write the whole hierarchy to ``path``, in place of an older one of the demo, and return ``path``.

    Raises
    ------
    ConfigurationError
        If something else is there.
    """
    if path.exists() and not _is_own(path):
        raise ConfigurationError(
            message(
                "the demo replaces no data but its own",
                place=str(path),
                got="something that the demo did not write",
                hint="choose another folder: --output DIR",
            )
        )
    root = zarr.open_group(path, mode="w", attributes=_OWN)
    _write_multiscale(root, "raw", sample.raw, first_voxel=0)
    for crop in (TRAIN, HELDOUT):
        masks = class_masks(crop.cut(sample.instances))
        for name, mask in zip(CLASSES, masks, strict=True):
            _write_multiscale(
                root, f"{crop.name}/labels/{name}", mask.astype(np.uint8), first_voxel=crop.x[0]
            )
    return path


def _is_own(path: Path) -> bool:
    """Whether the demo has written what is at ``path``, or had begun to."""
    try:
        return dict(zarr.open_group(path, mode="r").attrs) == _OWN
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


def _write_multiscale(root: zarr.Group, name: str, volume: NDArray[Any], first_voxel: int) -> None:
    """Write one image with its levels; ``first_voxel`` is where it starts along x, in voxels."""
    group = root.create_group(name)
    datasets = []
    for level, data in enumerate(_pyramid(volume)):
        chunks = tuple(map(min, CHUNKS, data.shape))
        group.create_array(f"s{level}", data=data, chunks=chunks, dimension_names=("z", "y", "x"))
        scale = [size * 2**level for size in VOXEL_NM]
        start = [(coarse - fine) / 2 for coarse, fine in zip(scale, VOXEL_NM, strict=True)]
        start[2] += first_voxel * VOXEL_NM[2]
        transformations = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": start}]
        datasets.append({"path": f"s{level}", "coordinateTransformations": transformations})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    multiscale: dict[str, Any] = {"name": name, "axes": axes, "datasets": datasets}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}


def _pyramid(volume: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The volume and its halvings: each voxel the rounded mean of eight, which for a mask is the majority."""
    for _ in range(LEVELS):
        yield volume
        z, y, x = (size // 2 for size in volume.shape)
        blocks = volume[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2)
        volume = np.floor(blocks.mean(axis=(1, 3, 5)) + 0.5).astype(volume.dtype)
