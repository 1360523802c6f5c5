"""What N5 volumes say about themselves, in the words of OME-Zarr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from cellmap_data.errors import MetadataError, message
from cellmap_data.storage import join
from cellmap_data_n5.reader import read_n5_attributes

_AXES = "zyx"
_UNIT = "nanometer"
_SYMBOLS = {"nm": _UNIT, "um": "micrometer", "µm": "micrometer", "μm": "micrometer", "mm": "millimeter"}
"""N5 writes symbols, OME-Zarr the names."""


@dataclass(frozen=True, slots=True)
class N5Group:
    """A multiscale volume; ``attributes`` are those that an OME-Zarr group would have."""

    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the voxels of a level lie, along z, y, x: their size, the centre of the first one, the units."""

    scale: Sequence[float]
    translation: Sequence[float]
    units: tuple[str, ...]


def read_group(uri: str, context: Any = None) -> N5Group | None:
    """The multiscale volume at ``uri``; None where there is none.

    Raises
    ------
    MetadataError
        If a level does not say where it lies, or says it in units of its own.
    """
    group = read_n5_attributes(uri, context) or {}
    levels = dict(_levels(uri, group, context))
    if not levels:
        return None
    places = {path: _place(uri, i, group, levels[path]) for i, path in enumerate(levels)}
    units = {place.units for place in places.values()}
    if len(units) > 1:
        rule = "The levels of a volume have the same units."
        raise MetadataError(message(rule, place=uri, got={path: p.units for path, p in places.items()}))
    axes = [
        {"name": name, "type": "space", "unit": _SYMBOLS.get(unit, unit)}
        for name, unit in zip(_AXES[-len(*units) :], *units, strict=True)
    ]
    datasets = [{"path": path, "coordinateTransformations": _steps(place)} for path, place in places.items()]
    return N5Group({"multiscales": [{"version": "0.4", "name": "", "axes": axes, "datasets": datasets}]})


def _levels(uri: str, group: Mapping[str, Any], context: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and attributes of each level: those that are listed, else s0, s1, ... as far as they go."""
    listed = group.get("multiscales")
    datasets = listed[0].get("datasets", ()) if listed else ()
    for path in [entry["path"] for entry in datasets] or (f"s{i}" for i in count()):
        attributes = read_n5_attributes(join(uri, path), context)
        if attributes is None or "dimensions" not in attributes:
            return
        yield path, attributes


def _place(uri: str, number: int, group: Mapping[str, Any], level: Mapping[str, Any]) -> _Place:
    """Where a level lies.

    Raises
    ------
    MetadataError
        If neither the level nor the group says.
    """
    axes = _AXES[-len(level["dimensions"]) :]
    transform = level.get("transform")
    if transform:
        order = [transform["axes"].index(axis) for axis in axes]
        units = transform.get("units") or [_UNIT] * len(order)
        return _Place(
            [transform["scale"][i] for i in order],
            [transform["translate"][i] for i in order],
            tuple(units[i] for i in order),
        )
    found = (node.get(key) for node in (level, group) for key in ("pixelResolution", "resolution"))
    resolution = next((value for value in found if value), None)
    if resolution is None:
        raise MetadataError(
            message(
                "A level of an N5 volume must say where it lies.",
                place=f"{uri}, level {number}",
                expected="transform, or pixelResolution of the level or of the group",
                got=sorted(level),
            )
        )
    sizes = resolution["dimensions"] if isinstance(resolution, Mapping) else resolution
    unit = resolution.get("unit", _UNIT) if isinstance(resolution, Mapping) else _UNIT
    factors = level.get("downsamplingFactors") or _listed_factors(group, number) or [1] * len(axes)
    turned = list(zip(sizes, factors, strict=True))[::-1]
    return _Place([s * f for s, f in turned], [s * (f - 1) / 2 for s, f in turned], (unit,) * len(axes))


def _listed_factors(group: Mapping[str, Any], number: int) -> Sequence[float] | None:
    scales = group.get("scales") or group.get("downsamplingFactors") or ()
    return scales[number] if number < len(scales) else None


def _steps(place: _Place) -> list[dict[str, Any]]:
    return [
        {"type": "scale", "scale": list(place.scale)},
        {"type": "translation", "translation": list(place.translation)},
    ]
