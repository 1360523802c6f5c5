"""Multiscale metadata to be written, NGFF 0.4 or 0.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.ngff.axes import Axis
from cellmap_data.ngff.multiscale import Level

Attributes: TypeAlias = dict[str, Any]

_ZARR_FORMATS: Mapping[str, int] = {"0.4": 2, "0.5": 3}


def zarr_format(version: str) -> int:
    """The version of zarr that goes with a version of NGFF; ConfigurationError where it cannot be written."""
    if version not in _ZARR_FORMATS:
        expected = " or ".join(map(repr, _ZARR_FORMATS))
        raise ConfigurationError(
            message("This version of NGFF cannot be written.", expected=expected, got=version)
        )
    return _ZARR_FORMATS[version]


def with_levels(
    attributes: Mapping[str, Any],
    version: str,
    name: str,
    axes: Sequence[Axis],
    levels: Sequence[Level],
    without: Sequence[str] = (),
) -> Attributes:
    """The attributes of a group with levels put into its multiscale, or with a new multiscale of them.

    Everything else in the attributes is kept, and so are the other levels.

    Parameters
    ----------
    attributes : mapping
        The attributes as they are.
    version : str
        "0.4" or "0.5".
    name : str
        Of the volume, where it is new.
    axes : sequence of Axis
        In the order in which arrays store them; sizes are in nm.
    levels : sequence of Level
        What to put in; a level of the same path is replaced.
    without : sequence of str
        Paths of levels to leave out.

    Returns
    -------
    dict
        New attributes.

    Raises
    ------
    ConfigurationError
        If the multiscale that is there has other axes.
    """
    holder = dict(attributes.get("ome", {})) if version == "0.5" else dict(attributes)
    multiscales = list(holder.get("multiscales") or [{}])
    multiscale, listed = dict(multiscales[0]), [_axis(axis) for axis in axes]
    _check_axes(multiscale.get("axes", listed), listed)
    gone = {*without, *(level.path for level in levels)}
    kept = [entry for entry in multiscale.get("datasets", []) if entry.get("path") not in gone]
    datasets = sorted([*kept, *map(_dataset, levels)], key=_size)
    multiscale = {"name": name, **multiscale, "axes": listed, "datasets": datasets}
    if version == "0.5":
        holder |= {"version": version, "multiscales": [multiscale, *multiscales[1:]]}
        return {**attributes, "ome": holder}
    return {**holder, "multiscales": [{**multiscale, "version": version}, *multiscales[1:]]}


def listed_paths(attributes: Mapping[str, Any]) -> list[str]:
    """The paths of the levels that attributes list, in any version; those that are no text are left out."""
    ome = attributes.get("ome")
    multiscales = (ome if isinstance(ome, Mapping) else attributes).get("multiscales") or [{}]
    entries = multiscales[0].get("datasets", []) if isinstance(multiscales[0], Mapping) else []
    paths = [entry.get("path") for entry in entries if isinstance(entry, Mapping)]
    return [path for path in paths if isinstance(path, str)]


def _axis(axis: Axis) -> dict[str, str]:
    unit = {"unit": "nanometer"} if axis.is_space else {}
    return {"name": axis.name, "type": axis.kind, **unit}


def _dataset(level: Level) -> dict[str, Any]:
    steps = [
        {"type": "scale", "scale": list(level.scale)},
        {"type": "translation", "translation": list(level.translation)},
    ]
    return {"path": level.path, "coordinateTransformations": steps}


def _size(entry: Mapping[str, Any]) -> list[float]:
    """The voxel size of a level: the format wants the finest first."""
    steps = entry.get("coordinateTransformations") or [{}]
    return list(steps[0].get("scale") or [])


def _check_axes(found: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> None:
    if [(axis.get("name"), axis.get("unit")) for axis in found] != [
        (axis.get("name"), axis.get("unit")) for axis in wanted
    ]:
        raise ConfigurationError(
            message(
                "All levels of a volume have the same axes, in nanometres where we write.",
                expected=wanted,
                got=list(found),
                hint="write to another group",
            )
        )
