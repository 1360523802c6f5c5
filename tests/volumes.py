"""Small OME-Zarr volumes for tests: ``from tests.volumes import write_multiscale, make_crop, ramp``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import TransposeCodec

__all__ = ["make_crop", "ramp", "write_multiscale"]


def ramp(shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """An array in which each value encodes its own index.

    The value of [z, y, x] is 10,000 z + 100 y + x (fewer axes: fewer terms), which float32 holds exactly
    while no axis is longer than 100.
    """
    weights = 100 ** np.arange(len(shape))[::-1]
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return sum(w * g for w, g in zip(weights, grids, strict=True)).astype(dtype)  # type: ignore[union-attr]


def write_multiscale(
    path: str | os.PathLike[str],
    array: npt.NDArray[Any],
    voxel: Sequence[float] = (8, 8, 8),
    origin: Sequence[float] = (0, 0, 0),
    levels: int = 1,
    chunks: Sequence[int] = (16,) * 3,
    ngff: str = "0.4",
    dtype: npt.DTypeLike | None = None,
    order: str = "C",
    *,
    axes: str = "",
    shards: Sequence[int] | None = None,
    separator: str = "/",
    fill_value: float = 0,
) -> str:
    """Write ``array`` as an OME-Zarr multiscale group and return its path.

    Each further level is the mean of 2 x 2 x 2 voxels (rounded down for integers; an axis of 1 voxel is
    kept), with the translation of the centre of its first voxel. ``voxel`` and ``origin`` are nm, in the
    order of the array's axes, which are named ``axes``: by default the last of z, y, x. "0.4" is written as
    zarr v2, "0.5" as v3 (``shards`` only there). Chunks that are all ``fill_value`` are not stored.
    """
    axes = axes or "zyx"[-array.ndim :]
    chunks, scale, translation = chunks[: array.ndim], list(voxel)[: array.ndim], list(origin)[: array.ndim]
    array = array.astype(dtype or array.dtype)
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if ngff == "0.4" else 3)
    datasets = []
    for level in range(levels):
        _write_level(group, f"s{level}", array, chunks, order, shards, separator, fill_value)
        datasets.append(_dataset(f"s{level}", scale, translation))
        array, factors = _halved(array)
        translation = [t + (f - 1) / 2 * s for t, f, s in zip(translation, factors, scale, strict=True)]
        scale = [s * f for s, f in zip(scale, factors, strict=True)]
    multiscale = {"name": "", "axes": [_axis(name) for name in axes], "datasets": datasets}
    group.attrs.update(
        {"multiscales": [{**multiscale, "version": "0.4"}]}
        if ngff == "0.4"
        else {"ome": {"version": "0.5", "multiscales": [multiscale]}}
    )
    return str(path)


def make_crop(
    root: str | os.PathLike[str],
    shape: tuple[int, int, int] = (32, 32, 32),
    classes: Sequence[str] = ("nuc", "mito"),
    annotated: Sequence[str] | None = None,
    voxel: Sequence[float] = (8, 8, 8),
    ngff: str = "0.4",
    seed: int = 0,
) -> tuple[str, str]:
    """Write noise (uint8) as ``raw`` and 0/1 blobs (uint8) as ``labels/<class>`` for each annotated class.

    Returns the raw path and the target path, whose brackets name the annotated classes (None = all of them).
    """
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, shape, dtype=np.uint8)
    raw_path = write_multiscale(Path(root) / "raw", raw, voxel=voxel, ngff=ngff)
    annotated = tuple(classes) if annotated is None else tuple(annotated)
    for name in classes:
        coarse = rng.random([-(-n // 4) for n in shape]) > 0.5
        blobs = np.kron(coarse, np.ones((4, 4, 4)))[tuple(slice(n) for n in shape)]
        if name in annotated:
            write_multiscale(Path(root) / "labels" / name, blobs, voxel=voxel, ngff=ngff, dtype=np.uint8)
    return raw_path, f"{root}/labels/[{','.join(annotated)}]"


def _write_level(
    group: zarr.Group,
    name: str,
    array: npt.NDArray[Any],
    chunks: Sequence[int],
    order: str,
    shards: Sequence[int] | None,
    separator: str,
    fill_value: float,
) -> None:
    options: dict[str, Any] = {}
    if group.metadata.zarr_format == 2:
        options = {"order": order, "chunk_key_encoding": {"name": "v2", "separator": separator}}
    elif order == "F":
        options = {"filters": [TransposeCodec(order=tuple(reversed(range(array.ndim))))]}
    stored = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=tuple(min(c, n) for c, n in zip(chunks, array.shape, strict=True)),
        shards=None if shards is None else tuple(shards),
        fill_value=fill_value,
        config={"write_empty_chunks": False},
        **options,
    )
    stored[...] = array


def _axis(name: str) -> dict[str, str]:
    kinds = {"c": {"type": "channel"}, "t": {"type": "time"}}
    return {"name": name, **kinds.get(name, {"type": "space", "unit": "nanometer"})}


def _dataset(path: str, scale: Sequence[float], translation: Sequence[float]) -> dict[str, Any]:
    steps = [
        {"type": "scale", "scale": list(scale)},
        {"type": "translation", "translation": list(translation)},
    ]
    return {"path": path, "coordinateTransformations": steps}


def _halved(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[int]]:
    """The mean over blocks of two voxels along each axis, and the factor of each axis."""
    factors = [2 if n > 1 else 1 for n in array.shape]
    shape = [n // f for n, f in zip(array.shape, factors, strict=True)]
    inner = array[tuple(slice(n * f) for n, f in zip(shape, factors, strict=True))].astype(np.float64)
    blocks = inner.reshape([k for n, f in zip(shape, factors, strict=True) for k in (n, f)])
    return blocks.mean(axis=tuple(range(1, 2 * array.ndim, 2))).astype(array.dtype), factors
