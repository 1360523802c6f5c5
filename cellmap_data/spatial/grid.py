"""The positions a dataset has: a lattice of centres, counted in C order, by arithmetic alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import TOLERANCE, Box, Shape, Vec, nearest_voxel, round_down, round_up
from cellmap_data.spatial.lattice import Source
from cellmap_data.spatial.tiling import Tiling, check_position, place_of


class Positions(Protocol):
    """Centres by number, in C order over a box of places: a grid, or what lies less evenly."""

    @property
    def counts(self) -> Shape:
        """Positions per axis; a zero means that there is none at all."""

    @property
    def size(self) -> int:
        """The number of positions, of any magnitude."""

    @property
    def sampling_box(self) -> Box | None:
        """The closed box of the centres, nm; None when there is none."""

    def centre(self, i: int) -> Vec:
        """The centre of position ``i`` in nm; IndexError where there is none."""

    def tiles(self, extent: Vec) -> Tiling:
        """The positions at which patches of ``extent`` (nm) lie side by side."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The centres a patch may have; nothing is stored per position.

    Attributes
    ----------
    first : Vec
        The centre of position 0, nm.
    step : Vec
        The distance from one position to the next, nm.
    counts : Shape
        Positions per axis; a zero means that there is none at all.
    """

    first: Vec
    step: Vec
    counts: Shape

    @property
    def size(self) -> int:
        """The number of positions, of any magnitude (``len`` ends at 2**63)."""
        return math.prod(self.counts)

    def __len__(self) -> int:
        return self.size

    @property
    def sampling_box(self) -> Box | None:
        """The closed box of the centres, nm; None when there is none."""
        if not self.size:
            return None
        return Box(self.first, self._place(*(n - 1 for n in self.counts)))

    def centre(self, i: int) -> Vec:
        """The centre of position ``i`` in nm.

        Raises
        ------
        IndexError
            If there is no such position; negative ones are not counted from the end.
        """
        check_position(i, self.size)
        return self._place(*place_of(i, self.counts))

    def tiles(self, extent: Vec) -> Tiling:
        """The positions at which patches of ``extent`` (nm) cover all that any position's patch covers.

        Tiles are as far apart as whole steps allow; an extent of less than a step takes every position.

        Raises
        ------
        ConfigurationError
            If an extent is not a positive number.
        """
        if not all(0 < length < math.inf for length in extent):
            raise ConfigurationError(
                message("Tiles must have a size.", expected="nm > 0 along z, y, x", got=extent)
            )
        z, y, x = (max(round_down(length / step), 1) for length, step in zip(extent, self.step, strict=True))
        return Tiling(self.counts, (z, y, x))

    def _place(self, z: int, y: int, x: int) -> Vec:
        (fz, fy, fx), (sz, sy, sx) = self.first, self.step
        return fz + z * sz, fy + y * sy, fx + x * sx


def sampling_grid(inputs: Sequence[Source], targets: Sequence[Source] = ()) -> Grid:
    """The positions at which all sources of a sample have what is asked of them.

    Along each axis the input that asks for the finest voxels is the reference, and positions are places of
    its layout (:attr:`Source.layout`). What every source can serve is intersected and shrunk onto these.

    Where no patch fits along an axis, but would if sources that may be padded were, there is one position
    along it: the middle of what the sources have in common, on the nearest place of the reference. A range
    too narrow to hold such a place, as that of a label crop of exactly the patch's size that lies between
    the voxels of raw, keeps its middle: raw is then resampled, which beats losing the crop.

    Parameters
    ----------
    inputs : sequence of Source
        At least one.
    targets : sequence of Source
        The labels that bound the positions.

    Returns
    -------
    Grid
        With ``size`` 0 where there is no position.

    Raises
    ------
    ConfigurationError
        If there is no input.
    """
    if not inputs:
        raise ConfigurationError(
            message("Positions follow the inputs.", expected="at least one input", got="none")
        )
    sources = (*inputs, *targets)
    first, step, counts = zip(*(_positions(axis, inputs, sources) for axis in range(3)), strict=True)
    return Grid(first, step, counts)


def _positions(axis: int, inputs: Sequence[Source], sources: Sequence[Source]) -> tuple[float, float, int]:
    """First centre (nm), step (nm) and count along one axis."""
    reference = min(inputs, key=lambda source: source.patch.voxel[axis])
    layout, P = reference.layout, reference.patch.shape[axis]  # noqa: N806
    step = layout.voxel[axis]
    start = layout.origin[axis] + (P - 1) / 2 * step  # the centre of the patch that begins with voxel 0
    lo, hi = _interval(axis, sources, [1.0] * len(sources))
    first, last = round_up((lo - start) / step), round_down((hi - start) / step)
    if first <= last:
        return start + first * step, step, last - first + 1
    place = _only_place(axis, sources, (lo + hi) / 2, start, step)
    return (start, step, 0) if place is None else (place, step, 1)


def _interval(axis: int, sources: Sequence[Source], shrink: Sequence[float]) -> tuple[float, float]:
    """What boxes have in common, each shrunk by so many halves of its patch; lo > hi where it is nothing.

    Shrunk by one, a box holds the centres of the patches inside it; by minus one, of those that touch it.
    """
    los, his = [], []
    for source, by in zip(sources, shrink, strict=True):
        box, half = source.lattice.bounding_box, source.patch.shape[axis] * source.layout.voxel[axis] / 2
        los.append(box.lo[axis] + by * half)
        his.append(box.hi[axis] - by * half)
    return max(los), min(his)


def _only_place(
    axis: int, sources: Sequence[Source], middle: float, start: float, step: float
) -> float | None:
    """The one centre along an axis where no place of the reference serves all sources, or None."""
    slack = TOLERANCE * step
    lo, hi = _interval(axis, sources, [-1.0 if source.pad else 1.0 for source in sources])
    common_lo, common_hi = _interval(axis, sources, [0.0] * len(sources))
    if lo > hi + slack or common_lo >= common_hi:
        return None
    middle = min(max(middle, lo), hi)
    first, last = round_up((lo - start) / step), round_down((hi - start) / step)
    if first > last:
        return middle
    return start + min(max(nearest_voxel((middle - start) / step), first), last) * step
