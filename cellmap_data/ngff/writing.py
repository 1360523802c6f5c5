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
    *,
    channels: Sequence[str] = (),
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
    channels : sequence of str
        Names of the channels, for viewers.

    Returns
    -------
    dict
        New attributes.

    Raises
    ------
    ConfigurationError
        If the multiscale that is there has other axes, or moves all its levels.
    """
    holder = dict(attributes.get("ome", {})) if version == "0.5" else dict(attributes)
    multiscales = list(holder.get("multiscales") or [{}])
    gone = {*without, *(level.path for level in levels)}
    kept = [entry for entry in multiscales[0].get("datasets", []) if entry.get("path") not in gone]
    old = dict(multiscales[0]) if kept else {}
    listed = [_axis(axis) for axis in axes]
    if levels:
        _check(old, listed)
    datasets = sorted([*kept, *map(_dataset, levels)], key=_size)
    multiscale = {"name": name, "axes": listed, **old, "datasets": datasets}
    holder |= {"omero": {"channels": [_channel(label) for label in channels]}} if channels else {}
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


def _channel(label: str) -> dict[str, Any]:
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    return {"label": label, "color": "FFFFFF", "active": True, "window": window}


def _check(multiscale: Mapping[str, Any], axes: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to put levels beside others that lie elsewhere than their own transformations say."""
    found = multiscale.get("axes", axes)
    names = [[(axis.get("name"), axis.get("unit")) for axis in some] for some in (found, axes)]
    common = multiscale.get("coordinateTransformations") or []
    moving = [
        step
        for step in common
        if any(n != 1 for n in step.get("scale", [])) or any(step.get("translation", []))
    ]
    if names[0] != names[1] or moving:
        raise ConfigurationError(
            message(
                "The levels of a volume have the same axes, in nm, and nothing moves all of them.",
                expected=list(axes),
                got=moving or list(found),
                hint="write to another group",
            )
        )
