"""Small OME-Zarr volumes, written in a moment and read by every dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import TransposeCodec

from cellmap_data.errors import ConfigurationError, message

__all__ = ["ramp", "write_crop", "write_labels", "write_volume"]

_VERSIONS = {"0.4": 2, "0.5": 3}
"""Version of OME-Zarr -> version of zarr."""


def ramp(shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """An array in which each value encodes its own index.

    The value of [z, y, x] is 10,000 z + 100 y + x (fewer axes: fewer terms), which float32 holds exactly
    while no axis is longer than 100 voxels.
    """
    weights = 100 ** np.arange(len(shape), dtype=np.int64)[::-1]
    return np.tensordot(weights, np.indices(shape), axes=1).astype(dtype)


def write_volume(
    path: str | os.PathLike[str],
    data: npt.NDArray[Any],
    voxel_size: Sequence[float] = (8, 8, 8),
    translation: Sequence[float] = (0, 0, 0),
    levels: int = 1,
    chunks: Sequence[int] = (16, 16, 16),
    ngff: Literal["0.4", "0.5"] = "0.4",
    *,
    axes: str = "",
    order: Literal["C", "F"] = "C",
    shards: Sequence[int] | None = None,
    separator: Literal["/", "."] = "/",
    fill_value: float = 0,
) -> str:
    """Write an array as an OME-Zarr multiscale group.

    Each further level is the mean of 2 x 2 x 2 voxels (rounded down for integers; an axis of 1 voxel is
    kept), with the translation of the centre of its first voxel.

    Parameters
    ----------
    path : str or path-like
        The group; what was there is overwritten.
    data : ndarray
        The values of the finest level, of any number type.
    voxel_size, translation : sequence of float
        In nm, in the order of the axes: the size of a voxel, and where the centre of the first one lies.
    levels : int
        How many levels to write, named s0, s1, ...
    chunks : sequence of int
        In voxels; cut to the size of the array.
    ngff : {"0.4", "0.5"}
        Version of OME-Zarr: 0.4 is written as zarr v2, 0.5 as v3.
    axes : str
        Names of the axes, a letter for each; by default the last of z, y, x.
    order : {"C", "F"}
        How the values of a chunk are laid out.
    shards : sequence of int, optional
        In voxels; only with 0.5.
    separator : {"/", "."}
        Between the numbers in the keys of chunks; only with 0.4.
    fill_value : float
        The value of chunks that are not stored: those that hold nothing else.

    Returns
    -------
    str
        The path.

    Raises
    ------
    ConfigurationError
        When the version is no other than these two.
    """
    if ngff not in _VERSIONS:
        raise ConfigurationError(message("no such version of OME-Zarr", expected="0.4 or 0.5", got=ngff))
    group = zarr.open_group(str(path), mode="w", zarr_format=_VERSIONS[ngff])  # type: ignore[arg-type]
    scale, shift = list(voxel_size)[: data.ndim], list(translation)[: data.ndim]
    datasets = []
    for level in range(levels):
        _write_level(group, f"s{level}", data, chunks, order, shards, separator, fill_value)
        datasets.append(_dataset(f"s{level}", scale, shift))
        data, factors = _halved(data)
        shift = [t + (f - 1) / 2 * s for t, f, s in zip(shift, factors, scale, strict=True)]
        scale = [s * f for s, f in zip(scale, factors, strict=True)]
    names = axes or "zyx"[-data.ndim :]
    multiscale: dict[str, Any] = {"name": "", "axes": [_axis(name) for name in names], "datasets": datasets}
    group.attrs.update(
        {"multiscales": [{**multiscale, "version": "0.4"}]}
        if ngff == "0.4"
        else {"ome": {"version": "0.5", "multiscales": [multiscale]}}
    )
    return str(path)


def write_labels(path: str | os.PathLike[str], labels: Mapping[str, npt.NDArray[Any]], **options: Any) -> str:
    """Write the annotated classes of a crop, each as a volume ``path/<class>``.

    Parameters
    ----------
    path : str or path-like
        The folder they have in common.
    labels : mapping
        Class -> its labels.
    **options
        As for :func:`write_volume`.

    Returns
    -------
    str
        ``path/[class1,class2]``: what a dataset takes as its ``target_path``.
    """
    for name, values in labels.items():
        write_volume(Path(path) / name, values, **options)
    return f"{os.fspath(path)}/[{','.join(labels)}]"


def write_crop(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int] = (32, 32, 32),
    classes: Sequence[str] = ("nuc", "mito"),
    annotated: Sequence[str] | None = None,
    *,
    seed: int = 0,
    **options: Any,
) -> tuple[str, str]:
    """Write a crop of noise: ``path/raw`` (uint8) and blobs of 0 and 1 as ``path/labels/<class>`` (uint8).

    Parameters
    ----------
    path : str or path-like
        The folder of the crop.
    shape : tuple of int
        In voxels.
    classes : sequence of str
        The classes there are. The blobs of a class do not depend on which of them are annotated.
    annotated : sequence of str, optional
        Those that are written; None for all of them.
    seed : int
        Equal ones give equal crops.
    **options
        As for :func:`write_volume`, for the raw volume and the labels alike.

    Returns
    -------
    tuple of str
        What a dataset takes as ``raw_path`` and as ``target_path``.
    """
    rng = np.random.default_rng(seed)
    raw = write_volume(Path(path) / "raw", rng.integers(0, 256, shape, dtype=np.uint8), **options)
    blobs = {name: _blobs(rng, shape) for name in classes}
    wanted = classes if annotated is None else annotated
    return raw, write_labels(f"{os.fspath(path)}/labels", {name: blobs[name] for name in wanted}, **options)


def _blobs(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    coarse = rng.random([-(-n // 4) for n in shape]) > 0.5
    return np.kron(coarse, np.ones([4] * len(shape)))[tuple(slice(n) for n in shape)].astype(np.uint8)


def _write_level(
    group: zarr.Group,
    name: str,
    data: npt.NDArray[Any],
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
        options = {"filters": [TransposeCodec(order=tuple(reversed(range(data.ndim))))]}
    stored = group.create_array(
        name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=tuple(min(c, n) for c, n in zip(chunks[: data.ndim], data.shape, strict=True)),
        shards=None if shards is None else tuple(shards),
        fill_value=fill_value,
        config={"write_empty_chunks": False},
        **options,
    )
    stored[...] = data


def _axis(name: str) -> dict[str, str]:
    kinds = {"c": {"type": "channel"}, "t": {"type": "time"}}
    return {"name": name, **kinds.get(name, {"type": "space", "unit": "nanometer"})}


def _dataset(path: str, scale: Sequence[float], translation: Sequence[float]) -> dict[str, Any]:
    steps = [
        {"type": "scale", "scale": list(scale)},
        {"type": "translation", "translation": list(translation)},
    ]
    return {"path": path, "coordinateTransformations": steps}


def _halved(data: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[int]]:
    """The mean over blocks of two voxels along each axis, and the factor of each axis."""
    factors = [2 if n > 1 else 1 for n in data.shape]
    shape = [n // f for n, f in zip(data.shape, factors, strict=True)]
    inner = data[tuple(slice(n * f) for n, f in zip(shape, factors, strict=True))].astype(np.float64)
    blocks = inner.reshape([k for n, f in zip(shape, factors, strict=True) for k in (n, f)])
    return blocks.mean(axis=tuple(range(1, 2 * data.ndim, 2))).astype(data.dtype), factors
