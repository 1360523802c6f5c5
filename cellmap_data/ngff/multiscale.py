"""One multiscale volume as its metadata describes it."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from cellmap_data.config import raise_faults
from cellmap_data.errors import MetadataError, message
from cellmap_data.ngff.axes import Axis, parse_axes
from cellmap_data.ngff.findings import Findings
from cellmap_data.ngff.levels import Entry, parse_entries
from cellmap_data.ngff.systems import intrinsic_system

MoreFaults: TypeAlias = Callable[[Sequence[str], int], Iterable[str]]
"""From the paths of levels and the number of axes (0: unknown) to what is wrong with the arrays there."""

_VERSIONS = ("0.4", "0.5")

_READ = ("axes", "datasets", "coordinateTransformations", "coordinateSystems")
_ALIKE = 256
"""What is read last of so many volumes that differ: those of a crop are mostly alike, and read once."""

_OTHERS = {
    "plate": "this is a plate; give the path of an image in one of its wells",
    "well": "this is a well; give the path of one of its images",
    "bioformats2raw.layout": "this is a collection; give the path of one of its images, such as 0",
    "labels": "this is a list of label images; give the path of one of them",
    "scene": "this is a scene; give the path of one of its images",
}


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a volume.

    Attributes
    ----------
    path : str
        Of the array, within the group; empty where the group is the array.
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


def parse_multiscale(uri: str, attributes: Mapping[str, Any], more: MoreFaults | None = None) -> Multiscale:
    """Read the attributes of a group as OME-NGFF 0.4 (``multiscales``) or 0.5 (``ome.multiscales``).

    Where there are several multiscales, the first one counts, as the format suggests. Each level's
    transformations are applied in the order in which they are listed, then those of the whole multiscale,
    then the units of the axes are turned into nm. With the named coordinate systems of RFC-5, coordinates
    are those of the system into which the levels are mapped; transformations from there on are not applied.

    What the format asks for and real files lack is read where there is no doubt what it means. What this
    package does not know is passed over.

    Parameters
    ----------
    uri : str
        Path of the group.
    attributes : mapping
        Its attributes.
    more : callable, optional
        Asked for the faults of the arrays if there are faults in the attributes, to tell all of them at once.

    Raises
    ------
    MetadataError
        If the group is no multiscale, or listing everything that is wrong with it.

    Warns
    -----
    FormatWarning
        If it departs from the format in ways that can be read, with the place of each.
    """
    ome = attributes.get("ome")
    source = ome if isinstance(ome, Mapping) else attributes
    multiscales = source.get("multiscales")
    if not isinstance(multiscales, list) or not multiscales or not isinstance(multiscales[0], Mapping):
        raise _no_multiscale(uri, attributes, source)
    version = (multiscales[0] if source is attributes else source).get("version")
    content = _content(version, {key: multiscales[0][key] for key in _READ if key in multiscales[0]})
    faults = list(content.faults)
    if faults and more is not None:
        faults.extend(more(content.paths, content.ndim))
    raise_faults(MetadataError, "The multiscale metadata is not valid.", faults, place=uri)
    Findings([], list(content.departures)).warn(uri)
    return Multiscale(uri, content.axes, content.levels)


class _Content(NamedTuple):
    """What metadata says, wherever it is found: axes and levels as stored, and the findings.

    ``paths`` and ``ndim`` are those of the metadata, of which levels and axes are made if there is no fault.
    """

    axes: tuple[Axis, ...]
    levels: tuple[Level, ...]
    paths: tuple[str, ...]
    ndim: int
    faults: tuple[str, ...]
    departures: tuple[str, ...]


def _content(version: Any, metadata: Mapping[str, Any]) -> _Content:
    try:
        text = json.dumps([version, metadata])
    except (TypeError, ValueError):  # from a plugin that gives more than JSON has
        return _understood(version, metadata)
    return _understood_once(text)


@functools.lru_cache(_ALIKE)
def _understood_once(text: str) -> _Content:
    return _understood(*json.loads(text))


def _understood(version: Any, metadata: Mapping[str, Any]) -> _Content:
    findings = Findings()
    _check_version(version, metadata, findings)
    axes, entries = _parse(metadata, findings)
    stored, levels = _in_nm(axes, entries, findings)
    paths = tuple(entry.path for entry in entries)
    return _Content(stored, levels, paths, len(axes), tuple(findings.faults), tuple(findings.departures))


def _parse(metadata: Mapping[str, Any], findings: Findings) -> tuple[tuple[Axis, ...], list[Entry]]:
    common = metadata.get("coordinateTransformations")
    if "coordinateSystems" in metadata:
        place, listed = intrinsic_system(metadata, findings)
        axes = parse_axes(listed, place, findings) if place else ()
        return axes, parse_entries(metadata.get("datasets"), [], len(axes), findings, scaled=False)
    axes = parse_axes(metadata.get("axes"), "axes", findings)
    common = [] if common is None else common
    return axes, parse_entries(metadata.get("datasets"), common, len(axes), findings, scaled=True)


def _in_nm(
    axes: Sequence[Axis], entries: Sequence[Entry], findings: Findings
) -> tuple[tuple[Axis, ...], tuple[Level, ...]]:
    """Axes and levels in the order in which arrays store them, sizes in nm."""
    orders = {entry.order for entry in entries}
    if len(orders) > 1:
        findings.fault(
            "datasets: expected the same axes in the same order at each level, got mapAxis of some"
        )
    if findings.faults:
        return tuple(axes), ()
    order = next(iter(orders))
    stored = tuple(axes[i] for i in order)
    levels = []
    for entry in entries:
        scale = tuple(entry.scale[i] * axes[i].nm for i in order)
        translation = tuple(entry.translation[i] * axes[i].nm for i in order)
        if min(scale) <= 0 or not all(map(math.isfinite, (*scale, *translation))):
            findings.fault(
                f"{entry.place}: expected sizes and places that a float can hold in nm, got {scale}"
            )
        levels.append(Level(entry.path, scale, translation))
    return stored, tuple(levels)


def _check_version(version: Any, metadata: Mapping[str, Any], findings: Findings) -> None:
    if version in _VERSIONS or (version is not None and "coordinateSystems" in metadata):
        return
    got = "is missing" if version is None else f"is {version!r}"
    findings.depart(f"version: {got}; expected {' or '.join(_VERSIONS)}, and read as such")


def _no_multiscale(uri: str, attributes: Mapping[str, Any], source: Mapping[str, Any]) -> MetadataError:
    hints = (hint for key, hint in _OTHERS.items() if key in source)
    return MetadataError(
        message(
            "The group is not a multiscale volume.",
            place=uri,
            expected="'multiscales' in its attributes (NGFF 0.4), or in 'ome' there (0.5)",
            got=f"the attributes {sorted(map(str, attributes))}",
            hint=next(
                hints, "give the path of the group that holds the levels, not of a level or of a folder above"
            ),
        )
    )
