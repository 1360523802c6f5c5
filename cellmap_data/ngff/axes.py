"""The axes of a multiscale volume and their units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmap_data.config import AXES
from cellmap_data.ngff.findings import Findings
from cellmap_data.ngff.units import NANOMETRES, unit_name

_KINDS = {"z": "space", "y": "space", "x": "space", "c": "channel", "t": "time"}
_RANKS = {"time": 0, "space": 2}  # the format's order: time, then channel or anything else, then space


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis, in the order in which arrays store them.

    Attributes
    ----------
    name : str
        "z", "y" or "x" for space; anything else for the rest.
    kind : str
        "space", "channel", "time" or what else the metadata says.
    nm : float
        Nanometres per unit, 1 for axes that are not space.
    """

    name: str
    kind: str
    nm: float = 1.0

    @property
    def is_space(self) -> bool:
        """Whether this is one of z, y, x."""
        return self.kind == "space"


def parse_axes(entries: Any, place: str, findings: Findings) -> tuple[Axis, ...]:
    """Read a list of axes; empty where none can be made out of it."""
    if not isinstance(entries, list) or not entries or not all(_is_named(entry) for entry in entries):
        findings.fault(
            f"{place}: expected a list of objects with a name, got {entries!r}; "
            "before version 0.4 the format told neither axes nor voxel sizes"
        )
        return ()
    axes = tuple(_parse(entry, place, findings) for entry in entries)
    _check(axes, place, findings)
    pairs = list(zip(axes, entries, strict=True))
    untyped = [axis.name for axis, entry in pairs if axis.kind and entry.get("type") is None]
    unitless = [axis.name for axis, entry in pairs if axis.is_space and entry.get("unit") is None]
    for names, what, instead in ((untyped, "type", "the usual"), (unitless, "unit", "nanometer")):
        if names:
            findings.depart(f"{place}: the {what} of {', '.join(names)} is missing; read as {instead}")
    return axes


def _check(axes: Sequence[Axis], place: str, findings: Findings) -> None:
    """Which axes there may be, and in which order they should come."""
    space = Counter(axis.name for axis in axes if axis.is_space)
    if not {"y", "x"} <= set(space) <= set(AXES) or space.total() > len(space):
        findings.fault(
            f"{place}: expected the space axes z, y, x or y, x, in any order, got {list(space.elements())}"
        )
    for kind in ("channel", "time"):
        names = [axis.name for axis in axes if axis.kind == kind]
        if len(names) > 1:
            findings.fault(f"{place}: expected one {kind} axis at most, got {names}")
    twice = [name for name, n in Counter(axis.name for axis in axes).items() if n > 1 and name not in space]
    if twice:
        findings.fault(f"{place}: expected each name once, got {twice} more than once")
    ranks = [_RANKS.get(axis.kind, 1) for axis in axes]
    if ranks != sorted(ranks):
        findings.depart(f"{place}: time and channels should come before space")


def _parse(entry: Mapping[str, Any], place: str, findings: Findings) -> Axis:
    written = entry["name"]
    name = written.lower() if written.lower() in _KINDS else written
    if name != written:
        findings.depart(f"{place}: {written!r} should be {name!r}")
    kind = entry.get("type")
    if kind is None:
        kind = _KINDS.get(name, "")
    if not isinstance(kind, str):
        findings.fault(f"{place}: expected a string as the type of {name}, got {kind!r}")
        return Axis(name, "")
    return Axis(name, kind, _nm(name, entry.get("unit"), place, findings) if kind == "space" else 1.0)


def _nm(name: str, unit: Any, place: str, findings: Findings) -> float:
    if unit is None:
        return 1.0
    known = unit_name(unit) if isinstance(unit, str) else None
    if known is None:
        findings.fault(
            f"{place}: the unit {unit!r} of {name} is unknown; expected a unit of length like 'nanometer'"
        )
        return 1.0
    if known != unit:
        findings.depart(f"{place}: the unit {unit!r} of {name} should be {known!r}")
    return NANOMETRES[known]


def _is_named(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
