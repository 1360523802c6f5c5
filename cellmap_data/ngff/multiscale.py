"""One multiscale volume as its metadata describes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cellmap_data.config import raise_faults
from cellmap_data.errors import MetadataError, message
from cellmap_data.ngff.axes import Axis, parse_axes

_Map: TypeAlias = list[
    tuple[float, float]
]  # per axis (scale, translation): index -> scale * index + translation


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a volume.

    Attributes
    ----------
    path : str
        Of the array, within the group.
    scale : tuple of float
        Voxel size along each stored axis; nm along space.
    translation : tuple of float
        Centre of the first voxel along each stored axis; nm along space.
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Multiscale:
    """A volume stored at one or more resolutions.

    Attributes
    ----------
    uri : str
        Path of the group.
    axes : tuple of Axis
        In the order in which the arrays store them.
    levels : tuple of Level
        As listed in the metadata, at least one.
    """

    uri: str
    axes: tuple[Axis, ...]
    levels: tuple[Level, ...]


def parse_multiscale(uri: str, attributes: Mapping[str, Any]) -> Multiscale:
    """Read the attributes of a group as NGFF 0.4 (``multiscales``) or 0.5 (``ome.multiscales``).

    Where there are several multiscales, the first one counts, as the format suggests. Each level's
    transformations are applied in the order in which they are listed, then those of the whole multiscale,
    then the units of the axes are turned into nm.

    Parameters
    ----------
    uri : str
        Path of the group.
    attributes : mapping
        Its attributes.

    Raises
    ------
    MetadataError
        If the group is no multiscale, or listing everything that is wrong with it.
    """
    ome = attributes.get("ome")
    multiscales = (ome if isinstance(ome, Mapping) else attributes).get("multiscales")
    if not isinstance(multiscales, list) or not multiscales or not isinstance(multiscales[0], Mapping):
        raise MetadataError(
            message(
                "The group is not a multiscale volume.",
                place=uri,
                expected="'multiscales' in its attributes (NGFF 0.4), or in 'ome' there (0.5)",
                got=f"the attributes {sorted(attributes)}",
                hint="give the path of the group that holds the levels, not of a level or of a folder above",
            )
        )
    return _parse(uri, multiscales[0])


def _parse(uri: str, metadata: Mapping[str, Any]) -> Multiscale:
    faults: list[str] = []
    axes = parse_axes(metadata.get("axes"), faults)
    datasets = metadata.get("datasets")
    if not isinstance(datasets, list) or not datasets:
        faults.append(f"datasets: expected a list with one entry for each level, got {datasets!r}")
        datasets = []
    common = metadata.get("coordinateTransformations")
    levels = [
        _parse_level(f"datasets[{i}]", entry, common, axes, faults)
        for i, entry in enumerate(datasets)
        if axes
    ]
    raise_faults(MetadataError, "The multiscale metadata is not valid.", faults, place=uri)
    return Multiscale(uri, axes, tuple(level for level in levels if level is not None))


def _parse_level(
    place: str, entry: Any, common: Any, axes: Sequence[Axis], faults: list[str]
) -> Level | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
        faults.append(f"{place}: expected an object with a path, got {entry!r}")
        return None
    before = len(faults)
    place, own = f"{place}.coordinateTransformations", entry.get("coordinateTransformations")
    if not isinstance(own, list) or not any(_kind(step) == "scale" for step in own):
        faults.append(f"{place}: expected a list with a scale, got {own!r}")
        return None
    mapping: _Map = [(1.0, 0.0)] * len(axes)
    for step in own:
        mapping = _applied(step, mapping, place, faults)
    for step in common or ():
        mapping = _applied(step, mapping, "coordinateTransformations", faults)
    if len(faults) > before:
        return None
    scale = tuple(s * axis.nm for (s, _), axis in zip(mapping, axes, strict=True))
    return Level(entry["path"], scale, tuple(t * axis.nm for (_, t), axis in zip(mapping, axes, strict=True)))


def _applied(step: Any, mapping: _Map, place: str, faults: list[str]) -> _Map:
    """The mapping with one more transformation after it."""
    kind = _kind(step)
    if kind == "identity":
        return mapping
    values = _numbers(step.get(kind), len(mapping)) if kind in ("scale", "translation") else []
    if not values or (kind == "scale" and min(values) <= 0):
        rule = f"expected a scale (> 0), translation or identity with {len(mapping)} numbers"
        fault = f"{place}: {rule}, got {step!r}"
        if fault not in faults:  # one of the whole multiscale is met at each level
            faults.append(fault)
        return mapping
    if kind == "scale":
        return [(a * s, b * s) for (a, b), s in zip(mapping, values, strict=True)]
    return [(a, b + t) for (a, b), t in zip(mapping, values, strict=True)]


def _kind(step: Any) -> Any:
    return step.get("type") if isinstance(step, Mapping) else None


def _numbers(values: Any, length: int) -> list[float]:
    """A list of that many finite numbers; empty if it is anything else."""
    if not isinstance(values, list) or len(values) != length:
        return []
    good = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values)
    return values if good else []
