"""The axes of a multiscale volume and their units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = "zyx"

_PREFIXES = {
    "pico": 1e-3,
    "nano": 1.0,
    "micro": 1e3,
    "milli": 1e6,
    "centi": 1e7,
    "deci": 1e8,
    "": 1e9,
    "kilo": 1e12,
}
_SYMBOLS = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9, "Å": 0.1}

NANOMETRES: Mapping[str, float] = {
    **{f"{prefix}{metre}": nm for prefix, nm in _PREFIXES.items() for metre in ("meter", "metre")},
    **_SYMBOLS,
    "angstrom": 0.1,
    "micron": 1e3,
}
"""How many nm a unit is: the names the format allows at the scale of microscopy, and common symbols."""


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


def parse_axes(entries: Any, faults: list[str]) -> tuple[Axis, ...]:
    """Read the list ``axes`` of a multiscale; what is wrong is appended to ``faults``."""
    if not isinstance(entries, list) or not entries or not all(_is_named(entry) for entry in entries):
        faults.append(f"axes: expected a list of objects with a name, got {entries!r}")
        return ()
    axes = tuple(_parse(entry, faults) for entry in entries)
    space = Counter(axis.name for axis in axes if axis.is_space)
    if not {"y", "x"} <= set(space) <= set(_SPACE) or any(n > 1 for n in space.values()):
        faults.append(
            f"axes: expected the space axes z, y, x or y, x, in any order, got {list(space.elements())}"
        )
    return axes


def _parse(entry: Mapping[str, Any], faults: list[str]) -> Axis:
    name = entry["name"].lower()
    kind = entry.get("type", "space" if name in tuple(_SPACE) else "")
    unit = entry.get("unit")
    if kind != "space" or unit is None:
        return Axis(name, kind)
    nm = NANOMETRES.get(unit) if isinstance(unit, str) else None
    if nm is None:
        faults.append(
            f"axes: the unit {unit!r} of {name} is unknown; expected a unit of length like 'nanometer'"
        )
    return Axis(name, kind, nm or 1.0)


def _is_named(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
