"""The levels of a multiscale, before axes and units are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellmap_data.ngff.findings import Findings
from cellmap_data.ngff.transformations import READABLE, AxisMap, apply, identity, kinds, stored_order

_USUAL = (["scale"], ["scale", "translation"])


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``datasets``; numbers are in the units and the order of the axes of the metadata.

    Attributes
    ----------
    place : str
        Where it is in the metadata.
    path : str
        Of the array, within the group.
    scale, translation : tuple of float
        Voxel size, and centre of the first voxel.
    order : tuple of int
        For each stored axis, which axis of the metadata it is.
    """

    place: str
    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    order: tuple[int, ...]


def parse_entries(datasets: Any, common: Any, ndim: int, findings: Findings, *, scaled: bool) -> list[Entry]:
    """Read the list ``datasets``.

    Parameters
    ----------
    datasets : object
        What the metadata holds there.
    common : object
        Transformations that follow on those of each level.
    ndim : int
        How many axes there are; 0 where they cannot be read, then transformations are not looked at.
    findings : Findings
        Takes what is wrong.
    scaled : bool
        Whether each level must have a scale.
    """
    if not isinstance(datasets, list) or not datasets:
        findings.fault(f"datasets: expected a list with one entry for each level, got {datasets!r}")
        return []
    found = [
        _parse(f"datasets[{i}]", entry, common, ndim, findings, scaled) for i, entry in enumerate(datasets)
    ]
    return [entry for entry in found if entry is not None]


def _parse(place: str, entry: Any, common: Any, ndim: int, findings: Findings, scaled: bool) -> Entry | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
        findings.fault(f"{place}: expected an object with a path, got {entry!r}")
        return None
    path = _checked_path(entry["path"], place, findings)
    own, mapping = entry.get("coordinateTransformations"), identity(ndim)
    if ndim:
        mapping = _mapped(own, common, mapping, f"{place}.coordinateTransformations", findings, scaled)
    scale, translation = tuple(a for _, a, _ in mapping), tuple(b for _, _, b in mapping)
    return Entry(place, path, scale, translation, stored_order(mapping))


def _mapped(
    own: Any, common: Any, mapping: list[AxisMap], place: str, findings: Findings, scaled: bool
) -> list[AxisMap]:
    if not isinstance(own, list) or not own:
        what = "a list with a scale" if scaled else f"a list with {READABLE}"
        findings.fault(f"{place}: expected {what}, got {own!r}")
        return mapping
    listed = list(kinds(own))
    mapping = apply(own, mapping, place, findings)
    if scaled and listed not in _USUAL:
        if "scale" not in listed:
            findings.fault(f"{place}: expected a list with a scale, got {own!r}")
        findings.depart(
            f"{place}: should be a scale, then a translation; {', '.join(listed)} are applied in this order"
        )
    return apply(common, mapping, "coordinateTransformations", findings)


def _checked_path(path: str, place: str, findings: Findings) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or ":" in parts[0]:
        findings.fault(f"{place}.path: expected a path below the group, got {path!r}")
        return ""
    inner = "/".join(part for part in parts if part not in ("", "."))
    if not inner:
        findings.depart(f"{place}.path: {path!r} should name an array in the group; read as the group itself")
    return inner
