"""The arrays of a sample, as users name them: ``{name: {"shape": (z, y, x), "scale": (z, y, x) in nm}}``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeAlias

from cellmap_data.config.faults import raise_faults
from cellmap_data.errors import ConfigurationError

ArrayOptions: TypeAlias = Mapping[str, Mapping[str, Sequence[float]]]

_KEYS = ("shape", "scale")
_RESERVED = "idx"
_RULE = "These arrays cannot be made."
_HINT = 'write {name: {"shape": (z, y, x) voxels, "scale": (z, y, x) nm}}'


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a sample.

    Attributes
    ----------
    name : str
        Its key in the sample.
    shape : tuple of int
        Voxels along z, y, x. A 2-D array has one voxel along z.
    voxel : tuple of float
        Voxel size along z, y, x in nm. Along z it may be None, "as stored": that is what a scale of two
        numbers means.
    """

    name: str
    shape: tuple[int, int, int]
    voxel: tuple[float | None, float, float]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial part of the delivered shape: axes of one voxel are left out."""
        return tuple(n for n in self.shape if n != 1)

    @property
    def unsqueeze(self) -> tuple[slice | None, ...]:
        """The index that gives an array of shape :attr:`spatial` the shape :attr:`shape`, as a view."""
        return tuple(slice(None) if n != 1 else None for n in self.shape)


def parse_arrays(
    inputs: ArrayOptions, targets: ArrayOptions | None = None
) -> tuple[tuple[ArraySpec, ...], tuple[ArraySpec, ...]]:
    """The input and the target arrays of a sample.

    Raises
    ------
    ConfigurationError
        Listing every fault of every array.
    """
    faults = [
        f"{what}: expected a mapping, got {type(given).__name__}"
        for what, given in (("input_arrays", inputs), ("target_arrays", targets))
        if not isinstance(given, Mapping | None)
    ]
    raise_faults(ConfigurationError, _RULE, faults, hint=_HINT)
    if not inputs:
        faults.append("input_arrays: there must be at least one input")
    both = sorted(set(inputs) & set(targets or {}))
    faults += [f"{name!r} names an input and a target: a sample has one value for each key" for name in both]
    parsed = _parse_all("input_arrays", inputs, faults), _parse_all("target_arrays", targets or {}, faults)
    raise_faults(
        ConfigurationError,
        _RULE,
        faults,
        hint=_HINT,
    )
    return parsed


def _parse_all(what: str, arrays: ArrayOptions, faults: list[str]) -> tuple[ArraySpec, ...]:
    specs = (_parse(f"{what}[{name!r}]", name, options, faults) for name, options in arrays.items())
    return tuple(spec for spec in specs if spec is not None)


def _parse(place: str, name: str, options: Any, faults: list[str]) -> ArraySpec | None:
    before = len(faults)
    if name == _RESERVED:
        faults.append(f"{place}: {_RESERVED!r} is the key of the position")
    if not isinstance(options, Mapping) or set(options) != set(_KEYS):
        got = list(options) if isinstance(options, Mapping) else options
        faults.append(f"{place}: expected the keys {list(_KEYS)}, got {got!r}")
        return None
    shape = _numbers(options["shape"], Integral, f"{place}['shape']", "whole numbers of voxels > 0", faults)
    scale = _numbers(options["scale"], Real, f"{place}['scale']", "sizes in nm > 0", faults)
    if len(faults) > before:
        return None
    if len(scale) == 2 and math.prod(shape[:-2]) != 1:
        faults.append(f"{place}: a scale of two numbers goes with a 2-D shape, got {tuple(shape)}")
        return None
    z, y, x = ([1] + [int(n) for n in shape])[-3:]
    along_z = float(scale[0]) if len(scale) == 3 else None
    return ArraySpec(name, (z, y, x), (along_z, float(scale[-2]), float(scale[-1])))


def _numbers(value: Any, kind: type[Any], place: str, expected: str, faults: list[str]) -> list[Any]:
    """Two or three positive finite numbers, or a fault."""
    try:
        numbers = list(value)
    except TypeError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(_positive(n, kind) for n in numbers):
        faults.append(f"{place}: expected two or three {expected}, got {value!r}")
    return numbers


def _positive(number: Any, kind: type[Any]) -> bool:
    return isinstance(number, kind) and not isinstance(number, bool) and bool(0 < number < math.inf)
