"""A slow reader of OME-Zarr that states what a sample must hold; it shares nothing with the package.

Everything is float64 and one voxel at a time. World coordinates are nm, z y x; the translation of a level is
the centre of its first voxel. A place is *at* the voxel nearest to it, the lower one at a tie.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

SAME_PLACE = 1e-3  # voxels
SAME_SIZE = 1e-2  # voxels by which a whole patch may drift
NANOMETRES = {"nanometer": 1.0, "micrometer": 1000.0, "angstrom": 0.1}


@dataclass(frozen=True)
class Level:
    """A stored array, turned to z y x: the centre of its first voxel and its voxel size in nm."""

    values: np.ndarray
    origin: np.ndarray
    size: np.ndarray

    def box(self, axis: int) -> tuple[float, float]:
        """The lower and the upper face."""
        low = self.origin[axis] - self.size[axis] / 2
        return low, low + self.values.shape[axis] * self.size[axis]


@dataclass(frozen=True)
class Patch:
    """Voxels of a size (nm) that are asked for."""

    shape: tuple[int, ...]
    size: tuple[float, ...]


@dataclass(frozen=True)
class Moved:
    """What a drawn motion is: ``turn @ permute @ bend(offset)`` in nm about the centre.

    Axis ``a`` of the patch runs along axis ``perm[a]`` of the volume, backwards where ``flips[a]``. A bend is
    a uniform cubic B-spline: the displacements of its control points [z, y, x, 3] and their spacing, nm.
    """

    perm: tuple[int, ...] = (0, 1, 2)
    flips: tuple[bool, ...] = (False, False, False)
    turn: Any = None
    bends: tuple[tuple[np.ndarray, Sequence[float]], ...] = ()

    def __call__(self, offset: np.ndarray) -> np.ndarray:
        """Where the volume holds what the patch shows at an offset from its centre."""
        for control, spacing in self.bends:
            offset = offset + spline(control, spacing, offset)
        turned = np.zeros(3)
        for axis in range(3):
            turned[self.perm[axis]] = -offset[axis] if self.flips[axis] else offset[axis]
        return turned if self.turn is None else np.array(self.turn) @ turned

    @property
    def upright(self) -> bool:
        """Whether voxels stay in rows along the axes."""
        return self.turn is None and not self.bends

    def shown_along(self, axis: int) -> int:
        """The axis of the patch that runs along an axis of the volume."""
        return self.perm.index(axis)


def spline(control: np.ndarray, spacing: Sequence[float], offset: np.ndarray) -> np.ndarray:
    """The displacement at an offset: the middle control point stands at the centre."""
    parts = []
    for axis, count in enumerate(control.shape[:3]):
        far = np.abs(offset[axis] / spacing[axis] - (np.arange(count) - (count - 1) / 2))
        parts.append(np.where(far < 1, 2 / 3 - far**2 + far**3 / 2, np.maximum(2 - far, 0) ** 3 / 6))
    return np.einsum("a,b,c,abcd->d", *parts, control)


def levels(group: Path) -> list[Level]:
    """The levels of a multiscale group, by its own metadata."""
    if (group / "zarr.json").exists():
        metadata = json.loads((group / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]
    else:
        metadata = json.loads((group / ".zattrs").read_text())["multiscales"][0]
    names = [axis["name"] for axis in metadata["axes"]]
    units = np.array(
        [NANOMETRES[axis["unit"]] if axis["name"] in "zyx" else 1.0 for axis in metadata["axes"]]
    )
    found = []
    for dataset in metadata["datasets"]:
        size, origin = np.ones(len(names)), np.zeros(len(names))
        steps = dataset["coordinateTransformations"] + metadata.get("coordinateTransformations", [])
        for step in steps:
            if step["type"] == "scale":
                size, origin = size * step["scale"], origin * step["scale"]
            else:
                origin = origin + step["translation"]
        stored = zarr.open_array(str(group / dataset["path"]), mode="r")[...]
        values = np.einsum("".join(names) + "->zyx", stored.astype(stored.dtype.newbyteorder("=")))
        order = [names.index(axis) for axis in "zyx"]
        found.append(Level(values, (origin * units)[order], (size * units)[order]))
    return found


def same_size(one: float, other: float, count: int) -> bool:
    """Whether a patch of so many voxels hardly tells two voxel sizes apart."""
    return abs(other / one - 1) * count < SAME_SIZE


def level_for(stored: Sequence[Level], patch: Patch) -> Level:
    """The coarsest level that is not coarser than asked for along any axis; else the finest one."""
    fine_enough = [
        level
        for level in stored
        if all(
            s <= v or same_size(s, v, n) for s, v, n in zip(level.size, patch.size, patch.shape, strict=True)
        )
    ]
    if fine_enough:
        return max(fine_enough, key=lambda level: math.prod(level.size))
    return min(stored, key=lambda level: math.prod(level.size))


def positions(
    axis: int, inputs: Sequence[tuple[Level, Patch]], targets: Sequence[tuple[Level, Patch]], *, pad: bool
) -> list[float]:
    """The centres along an axis, in nm, found by trying every place of the lattice of the finest input."""
    level, patch = min(inputs, key=lambda one: one[1].size[axis])
    count, step, start = patch.shape[axis], patch.size[axis], level.box(axis)[0]
    if same_size(level.size[axis], step, count):
        step = level.size[axis]
    sources = [(*stored.box(axis), asked.shape[axis] * asked.size[axis] / 2)
               for stored, asked in (*inputs, *targets)]  # fmt: skip
    slack = SAME_PLACE * step
    tried = [start + (k + count / 2) * step for k in range(-200, 200)]

    def between(low: float, high: float) -> list[float]:
        return [place for place in tried if low - slack <= place <= high + slack]

    low, high = max(lo + half for lo, _, half in sources), min(hi - half for _, hi, half in sources)
    if between(low, high):
        return between(low, high)
    if max(lo for lo, _, _ in sources) >= min(hi for _, hi, _ in sources) or (low > high + slack and not pad):
        return []
    middle = (low + high) / 2
    if pad:  # a patch may stick out as long as it touches every array
        low, high = max(lo - half for lo, _, half in sources), min(hi + half for _, hi, half in sources)
        middle = min(max(middle, low), high)
    near = sorted(between(low, high), key=lambda place: (round(abs(place - middle) / step, 3), place))
    return near[:1] or [middle]


def at(place: np.ndarray) -> tuple[int, ...]:
    """The voxel a place (in voxels) is at."""
    return tuple(math.ceil(u - 0.5 - SAME_PLACE) for u in place)


def exists(values: np.ndarray, voxel: tuple[int, ...]) -> bool:
    """Whether an array has a voxel."""
    return all(0 <= k < n for k, n in zip(voxel, values.shape, strict=True))


def places(level: Level, patch: Patch, centre: Sequence[float], moved: Moved) -> Iterator[tuple]:
    """Each voxel of a patch, and its place in voxels of a level."""
    for voxel in np.ndindex(*patch.shape):
        offset = [(k - (n - 1) / 2) * s for k, n, s in zip(voxel, patch.shape, patch.size, strict=True)]
        yield voxel, (np.array(centre) + moved(np.array(offset)) - level.origin) / level.size


def labels(level: Level, patch: Patch, centre: Sequence[float], moved: Moved) -> np.ndarray:
    """What each voxel is at; NaN outside."""
    out = np.full(patch.shape, np.nan)
    for voxel, place in places(level, patch, centre, moved):
        if exists(level.values, at(place)):
            out[voxel] = level.values[at(place)]
    return out


def doubtful(level: Level, patch: Patch, centre: Sequence[float], moved: Moved, doubt: float) -> np.ndarray:
    """Which voxels of a patch lie so near to where one stored voxel ends that an error may decide."""
    out = np.zeros(patch.shape, bool)
    for voxel, place in places(level, patch, centre, moved):
        out[voxel] = any(abs((u - SAME_PLACE) % 1 - 0.5) < doubt for u in place)
    return out


def raw(level: Level, patch: Patch, centre: Sequence[float], moved: Moved) -> tuple[np.ndarray, bool]:
    """What each voxel shows, 0 outside, and whether all are stored voxels as they are."""
    along = [moved.shown_along(axis) for axis in range(3)]
    axes = [(s, patch.size[a], patch.shape[a]) for s, a in zip(level.size, along, strict=True)]
    same = all(same_size(s, v, n) for s, v, n in axes)
    wide = np.array([1.0 if same_size(s, v, n) else max(v / s, 1.0) for s, v, n in axes])
    found = list(places(level, patch, centre, moved))
    first = found[0][1]
    copied = moved.upright and same and bool(np.abs(first - np.round(first)).max() <= SAME_PLACE)
    averaged = level.values
    if not moved.upright and wide.max() > 1:
        averaged = upright_average(level.values, wide)
    out = np.zeros(patch.shape)
    for voxel, place in found:
        if not exists(level.values, at(place)):
            continue
        if copied:
            out[voxel] = level.values[at(place)]
        elif moved.upright:
            out[voxel] = mean(averaged, place, wide)
        else:
            out[voxel] = mean(averaged, (place + 0.5) / wide - 0.5, (1, 1, 1))
    return out, copied


def upright_average(values: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """The level that a pyramid would have at voxels so many times as wide, from the lower faces on."""
    shape = [math.ceil(n / w - 1e-6) for n, w in zip(values.shape, wide, strict=True)]
    out = np.empty(shape)
    for voxel in np.ndindex(*shape):
        out[voxel] = mean(values, (np.array(voxel) + 0.5) * wide - 0.5, wide)
    return out


def mean(values: np.ndarray, place: np.ndarray, wide: Sequence[float]) -> float:
    """The mean of the known voxels under a box; at a width of 1 that is linear interpolation.

    NaN if the voxel in the middle is.
    """
    middle = tuple(min(max(k, 0), n - 1) for k, n in zip(at(place), values.shape, strict=True))
    if np.isnan(values[middle]):
        return math.nan
    parts = [overlaps(u, w, n) for u, w, n in zip(place, wide, values.shape, strict=True)]
    total = weight = 0.0
    for (i, a), (j, b), (k, c) in itertools.product(*parts):
        value = float(values[i, j, k])
        if not math.isnan(value):
            total, weight = total + a * b * c * value, weight + a * b * c
    return total / weight


def overlaps(place: float, wide: float, count: int) -> list[tuple[int, float]]:
    """The voxels under a stretch along a line of so many, and how much of each."""
    low, high = place - wide / 2, place + wide / 2
    shared = ((k, min(k + 0.5, high) - max(k - 0.5, low)) for k in range(count))
    return [(k, part) for k, part in shared if part > 1e-9]
