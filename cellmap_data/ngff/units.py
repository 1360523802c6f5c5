"""Units of length."""

from __future__ import annotations

from collections.abc import Mapping

_EXPONENTS = {
    "yocto": -24,
    "zepto": -21,
    "atto": -18,
    "femto": -15,
    "pico": -12,
    "nano": -9,
    "micro": -6,
    "milli": -3,
    "centi": -2,
    "deci": -1,
    "": 0,
    "hecto": 2,
    "kilo": 3,
    "mega": 6,
    "giga": 9,
    "tera": 12,
    "peta": 15,
    "exa": 18,
    "zetta": 21,
    "yotta": 24,
}

NANOMETRES: Mapping[str, float] = {
    **{f"{prefix}meter": float(f"1e{exponent + 9}") for prefix, exponent in _EXPONENTS.items()},
    "angstrom": 0.1,
    "inch": 2.54e7,
    "foot": 3.048e8,
    "yard": 9.144e8,
    "mile": 1.609344e12,
    "parsec": 3.0856775814913673e25,
}
"""How many nm a unit is: the names of UDUNITS-2 that OME-NGFF lists for space."""

_SYMBOLS = {
    "pm": "picometer",
    "nm": "nanometer",
    "um": "micrometer",
    "µm": "micrometer",  # U+00B5, the micro sign
    "μm": "micrometer",  # U+03BC, the Greek letter
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "Å": "angstrom",
}


def unit_name(unit: str) -> str | None:
    """The name in :data:`NANOMETRES` of what was written as ``unit``, or None.

    Symbols, plurals, capitals, "metre" and "micron" are in real files and leave no doubt.
    """
    if unit in NANOMETRES:
        return unit
    if unit in _SYMBOLS:
        return _SYMBOLS[unit]
    name = unit.strip().lower().removesuffix("s").replace("metre", "meter")
    name = "micrometer" if name == "micron" else name
    return name if name in NANOMETRES else None
