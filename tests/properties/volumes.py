"""Random pyramids whose voxels tell their own place, written in all the ways in which files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from hypothesis import strategies as st
from zarr.codecs import BytesCodec, TransposeCodec

UNITS = {"nanometer": 1.0, "micrometer": 1000.0, "angstrom": 0.1}
SIZES = (4.0, 3.36, 5.24, 8.0, 30.0)
AXES = ("zyx", "xyz", "yxz", "xzy", "czyx", "tcyxz", "zyxc")
PLAIN, EVERY = ("|u1", ">i2", "<f4"), ("|u1", "|i1", "|b1", "<u2", ">u2", ">i4", "<u8", "<f2", ">f4", "<f8")
LABELS, EVERY_LABEL = ("|u1", "<u8"), ("|u1", "|b1", ">u2", "<i4", ">u4", "<u8", ">i8")


@dataclass(frozen=True)
class Layout:
    """How an array is put into files."""

    ngff: str
    fortran: bool
    separator: str
    sharded: bool
    axes: str
    unit: str
    common: bool  # whether part of the transformation is that of the group


@dataclass(frozen=True)
class Volume:
    """A pyramid: shape of the finest level, and of each level its voxel size and first voxel's centre, nm."""

    shape: tuple[int, int, int]
    sizes: tuple[tuple[float, ...], ...]
    origins: tuple[tuple[float, ...], ...]
    dtype: str
    layout: Layout
    missing: bool  # whether chunks are missing, which hold the fill value
    unknown: bool  # whether floats have a few NaN


layouts = st.builds(
    Layout,
    st.sampled_from(("0.4", "0.5")),
    st.booleans(),
    st.sampled_from("/."),
    st.booleans(),
    st.sampled_from(AXES),
    st.sampled_from(tuple(UNITS)),
    st.booleans(),
)
triples = st.tuples(*[st.sampled_from(SIZES)] * 3)
factors = st.tuples(*[st.sampled_from((1, 2, 3))] * 3)
origins = st.tuples(*[st.sampled_from((0.0, 104.0, -52.4, 7.5, 10_001.68))] * 3)


@st.composite
def volumes(draw, size: tuple[float, ...], origin: tuple[float, ...], shape: Any, dtype: Any, most: int = 3):
    """A pyramid of one to ``most`` levels; a level begins at the lower faces of the one before."""
    sizes, starts = [size], [origin]
    for by in draw(st.lists(factors, max_size=most - 1)):
        starts.append(tuple(t + (f - 1) / 2 * s for t, f, s in zip(starts[-1], by, sizes[-1], strict=True)))
        sizes.append(tuple(f * s for f, s in zip(by, sizes[-1], strict=True)))
    return Volume(
        draw(shape), tuple(sizes), tuple(starts), draw(dtype), draw(layouts), draw(st.booleans()),
        draw(st.booleans()),
    )  # fmt: skip


def write(group: Path, volume: Volume, *, hashed: bool) -> None:
    """Write a pyramid: a ramp over all voxels of a level, or for labels a hash of each place.

    Levels differ in their values, so that a sample tells which it was read from.
    """
    layout = volume.layout
    root = zarr.open_group(str(group), mode="w", zarr_format=2 if layout.ngff == "0.4" else 3)
    datasets = []
    for number, (size, origin) in enumerate(zip(volume.sizes, volume.origins, strict=True)):
        extent = np.array(volume.shape) * volume.sizes[0] / size
        shape = tuple(max(int(n + 1e-6), 1) for n in extent)
        values = _values(shape, np.dtype(volume.dtype), number, hashed=hashed, unknown=volume.unknown)
        _write_level(root, f"s{number}", values, volume)
        datasets.append({"path": f"s{number}", "coordinateTransformations": _steps(size, origin, layout)})
    axes = [_axis(name, layout.unit) for name in layout.axes]
    multiscale: dict[str, Any] = {"axes": axes, "datasets": datasets}
    if layout.common:
        multiscale["coordinateTransformations"] = [{"type": "scale", "scale": _stored((2.0,) * 3, layout)}]
    if layout.ngff == "0.4":
        root.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
    else:
        root.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}


def _values(shape, dtype: np.dtype, level: int, *, hashed: bool, unknown: bool) -> np.ndarray:
    """Values that a dtype holds exactly; integers that float64 holds too."""
    z, y, x = np.indices(shape)
    ramp = (z * 31 + y) * 37 + x + 5 + 11 * level
    if hashed:
        ramp = (z * 73_856_093) ^ (y * 19_349_663) ^ (x * 83_492_791) ^ (level + 1)
    top = {"b": 2, "f": 2048 if dtype.itemsize == 2 else 2**20}.get(dtype.kind)
    if top is None:
        top = min(np.iinfo(dtype).max, 2**40)
        ramp = ramp * (2**17 + 1) if hashed and dtype.itemsize == 8 else ramp
    values = (ramp % top).astype(dtype)
    if unknown and dtype.kind == "f":
        values[(z * 5 + y * 3 + x) % 23 == 0] = np.nan
    return values


def _write_level(root: zarr.Group, name: str, values: np.ndarray, volume: Volume) -> None:
    layout, dtype = volume.layout, values.dtype
    stored = values
    names = list("zyx")
    for axis in set(layout.axes) - set("zyx"):
        stored, names = stored[None], [axis, *names]
    stored = stored.transpose([names.index(axis) for axis in layout.axes])
    chunks = tuple(min(n, 5) for n in stored.shape)
    options: dict[str, Any] = {"chunks": chunks}
    if layout.ngff == "0.4":
        options |= {"order": "F" if layout.fortran else "C"}
        options |= {"chunk_key_encoding": {"name": "v2", "separator": layout.separator}}
    else:
        options |= {"chunk_key_encoding": {"name": "default", "separator": layout.separator}}
        options |= {"serializer": BytesCodec(endian="big" if dtype.byteorder == ">" else "little")}
        options |= {"shards": tuple(2 * n for n in chunks)} if layout.sharded else {}
        if layout.fortran:
            options |= {"filters": [TransposeCodec(order=tuple(reversed(range(stored.ndim))))]}
    fill = 1 if dtype.kind == "b" else 3
    array = root.create_array(name, shape=stored.shape, dtype=dtype, fill_value=fill, **options)
    first = 5 if volume.missing else 0
    rest = tuple(slice(first if n > 8 else 0, None) for n in stored.shape)
    array[rest] = stored[rest]


def _steps(size, origin, layout: Layout) -> list[dict[str, Any]]:
    by = 2.0 if layout.common else 1.0
    return [
        {"type": "scale", "scale": _stored([s / UNITS[layout.unit] / by for s in size], layout)},
        {
            "type": "translation",
            "translation": _stored([t / UNITS[layout.unit] / by for t in origin], layout, 0.0),
        },
    ]


def _stored(values, layout: Layout, other: float = 1.0) -> list[float]:
    """Numbers for z y x in the order of the axes that are stored."""
    return [values["zyx".index(axis)] if axis in "zyx" else other for axis in layout.axes]


def _axis(name: str, unit: str) -> dict[str, str]:
    kinds = {"c": {"type": "channel"}, "t": {"type": "time"}}
    return {"name": name, **kinds.get(name, {"type": "space", "unit": unit})}
