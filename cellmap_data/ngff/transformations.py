"""From voxels to coordinates: the transformations that keep axes apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from cellmap_data.ngff.findings import Findings

AxisMap: TypeAlias = tuple[int, float, float]
"""One coordinate, scale * index + translation of one stored axis, as (stored axis, scale, translation)."""

_LARGEST = 2**1023  # of what surely is a finite float; also keeps integers of any length away from float()

READABLE = "scale, translation, identity, mapAxis, or a sequence of these"


def identity(ndim: int) -> list[AxisMap]:
    """Each coordinate is the index along the stored axis of the same number."""
    return [(axis, 1.0, 0.0) for axis in range(ndim)]


def apply(steps: Any, mapping: list[AxisMap], place: str, findings: Findings) -> list[AxisMap]:
    """The mapping with a list of transformations after it, applied in the order in which they are listed.

    Each is a fault, named by its ``place``, if it is none of :data:`READABLE`; the mapping then stays as it
    was.
    """
    if not isinstance(steps, list):
        findings.fault(f"{place}: expected a list of transformations, got {steps!r}")
        return mapping
    for number, step in enumerate(steps):
        mapping = _applied(step, mapping, f"{place}[{number}]", findings)
    return mapping


def kinds(steps: Any) -> Iterator[str]:
    """The types of transformations, in order; those inside a sequence in its place."""
    for step in steps if isinstance(steps, list) else ():
        kind = kind_of(step)
        if kind == "sequence":
            yield from kinds(step.get("transformations"))
        elif isinstance(kind, str):
            yield kind


def kind_of(step: Any) -> Any:
    """The type of a transformation; None for what is no transformation."""
    return step.get("type") if isinstance(step, dict) else None


def numbers(values: Any, length: int) -> list[float]:
    """A list of that many finite numbers; empty if it is anything else."""
    if not isinstance(values, list) or len(values) != length:
        return []
    good = all(type(v) in (int, float) and abs(v) <= _LARGEST for v in values)  # false of NaN, and of bool
    return [float(v) for v in values] if good else []


def _applied(step: Any, mapping: list[AxisMap], place: str, findings: Findings) -> list[AxisMap]:
    ndim = len(mapping)
    match kind_of(step):
        case "identity":
            return mapping
        case "sequence":
            return apply(step.get("transformations"), mapping, f"{place}.transformations", findings)
        case "mapAxis":
            order = step.get("mapAxis")
            if _permutes(order, ndim):
                return [mapping[axis] for axis in order]
            rule = f"expected each of the axes 0 to {ndim - 1} once as 'mapAxis'"
        case "scale":
            values = numbers(step.get("scale"), ndim)
            if values and min(values) > 0:
                return [(axis, a * s, b * s) for (axis, a, b), s in zip(mapping, values, strict=True)]
            rule = f"expected {ndim} numbers > 0 as 'scale'"
        case "translation":
            values = numbers(step.get("translation"), ndim)
            if values:
                return [(axis, a, b + t) for (axis, a, b), t in zip(mapping, values, strict=True)]
            rule = f"expected {ndim} numbers as 'translation'"
        case _:
            rule = f"expected {READABLE}; nothing else keeps the axes apart"
    findings.fault(f"{place}: {rule}, got {step!r}")
    return mapping


def _permutes(order: Any, ndim: int) -> bool:
    whole = isinstance(order, list) and all(type(n) is int for n in order)
    return whole and sorted(order) == list(range(ndim))


def stored_order(mapping: Sequence[AxisMap]) -> tuple[int, ...]:
    """For each stored axis, which coordinate it makes."""
    axes = [axis for axis, _, _ in mapping]
    return tuple(axes.index(axis) for axis in range(len(axes)))
