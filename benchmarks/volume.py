"""A synthetic volume that compresses like electron microscopy, from a seeded generator.

Raw is uint8: smooth structures under noise. Labels are 0 or 1, most of their chunks constant. Inside the
first class raw is brighter than any voxel outside, so that whoever reads both can be checked for their
alignment, even where voxels are blended: see :mod:`benchmarks.truth`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numcodecs
import numpy as np
import zarr
import zarr.codecs

FOLDER = Path("/dev/shm/cellmap-data-bench")  # unless another one is asked for
VOXEL = 8.0
CLASSES = [f"class{n:02d}" for n in range(48)]
NOISE = 8  # grey values: zstd decodes such a volume about as fast as electron microscopy
DISTINCT = 64  # crops that differ
BRIGHT = 132  # raw is below outside the first class, not below inside


def make(folder: Path, size: int = 512, classes: int = 3, chunk: int = 64, layout: str = "v2") -> Path:
    """Write raw and labels once.

    Parameters
    ----------
    folder : Path
        Where to; each volume is a folder of its own below it.
    size, chunk : int
        Voxels along each axis of the volume and of its chunks.
    classes : int
        How many classes.
    layout : str
        ``v2`` (OME-NGFF 0.4), ``v3`` (0.5), ``sharded`` (0.5, shards of 256^3 or of the volume).

    Returns
    -------
    Path
        The volume: groups ``raw`` and ``labels/class..``, with one level, ``s0``.
    """
    place = folder / f"{layout}-{size}-{chunk}-{NOISE}.zarr"
    groups = [place / "raw", *(place / "labels" / name for name in CLASSES[:classes])]
    for number, group in enumerate(groups, start=-1):
        if not (group / "done").exists():
            shutil.rmtree(group, ignore_errors=True)
            values = label(size, number) if number >= 0 else raw(size)
            write(group, values, chunk, layout)
            (group / "done").touch()
    return place


def raw(size: int) -> np.ndarray:
    """Grey values: 30..125, and 110 more inside the first class."""
    rng = np.random.default_rng(0)
    values = 80 + 30 * smooth(rng, size, cells=16)
    values += NOISE * rng.standard_normal(values.shape, dtype=np.float32)
    np.clip(values, 30, 125, out=values)
    return values.astype(np.uint8) + np.uint8(110) * label(size, 0)


def label(size: int, number: int) -> np.ndarray:
    """Blobs, of which the first class has more; each class has a generator of its own."""
    cells, above = (10, 0.5) if number == 0 else (6, 0.8)
    half = smooth(np.random.default_rng(100 + number), size // 2, cells) > above
    return half.repeat(2, 0).repeat(2, 1).repeat(2, 2).view(np.uint8)


def smooth(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Trilinear interpolation of coarse noise, roughly -1..1."""
    values = rng.normal(0, 0.6, (cells + 1,) * 3).astype(np.float32)
    for axis in range(3):
        at = np.linspace(0, cells, size, endpoint=False)
        low = at.astype(int)
        weight = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, low + 1, axis) * weight
    return values


def write(group: Path, array: np.ndarray, chunk: int, layout: str = "v2") -> None:
    """Write one array as a multiscale of one level, zstd at level 3."""
    version = 2 if layout == "v2" else 3
    stored = zarr.open_group(group, mode="w", zarr_format=version).create_array(
        "s0",
        shape=array.shape,
        chunks=(chunk,) * 3,
        shards=(min(256, len(array)),) * 3 if layout == "sharded" else None,
        dtype=array.dtype,
        chunk_key_encoding={"name": "v2" if version == 2 else "default", "separator": "/"},
        compressors=zarr.codecs.ZstdCodec(level=3) if version == 3 else numcodecs.Zstd(level=3),
        config={"write_empty_chunks": True},  # as programs that write whole blocks leave them
    )
    stored[:] = array
    metadata = multiscale(group.name)
    if version == 2:
        (group / ".zattrs").write_text(json.dumps({"multiscales": [{"version": "0.4", **metadata}]}))
    else:
        ome = {"version": "0.5", "multiscales": [metadata]}
        document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
        (group / "zarr.json").write_text(json.dumps(document))


def multiscale(name: str, levels: int = 1, corner: Sequence[float] = (0, 0, 0)) -> dict[str, object]:
    """The metadata of a pyramid whose first voxel lies at ``corner`` (nm)."""
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    datasets = []
    for level in range(levels):
        shift = [float(start + VOXEL * (2**level - 1) / 2) for start in corner]
        transforms = [
            {"type": "scale", "scale": [VOXEL * 2**level] * 3},
            {"type": "translation", "translation": shift},
        ]
        datasets.append({"path": f"s{level}", "coordinateTransformations": transforms})
    return {"name": name, "axes": axes, "datasets": datasets}


def target_path(place: Path | str, classes: Sequence[str]) -> str:
    """What a dataset is given for the labels of a volume."""
    return f"{place}/labels/[{','.join(classes)}]"


def make_crops(folder: Path, count: int, side: int, size: int, classes: int, chunk: int) -> list[Path]:
    """Cut crops from random places of the volume and write each as a volume of its own, once.

    Those after the first few are the same again, as hard links.
    """
    whole = make(folder, size, classes, chunk)
    places = [
        folder / f"crops-{size}-{chunk}-{NOISE}-{side}" / f"crop{number:04d}.zarr" for number in range(count)
    ]
    groups = ["raw", *(f"labels/{name}" for name in CLASSES[:classes])]
    corners = np.random.default_rng(0).integers(0, size - side + 1, (DISTINCT, 3))
    for group in groups:
        array = None
        for place, corner in zip(places[:DISTINCT], corners, strict=False):
            if not (place / group / "done").exists():
                array = zarr.open_array(whole / group / "s0", mode="r")[:] if array is None else array
                cut = array[tuple(slice(first, first + side) for first in corner)]
                write(place / group, cut, chunk)
                (place / group / "done").touch()
    for number, place in enumerate(places[DISTINCT:]):
        if not place.exists():
            shutil.copytree(places[number % DISTINCT], place, copy_function=os.link)
    return places
