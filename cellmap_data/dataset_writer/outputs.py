"""Where the voxels that are written lie, and how they are shared out among tiles.

All outputs of a model follow one *frame*: along each axis the lattice of the output with the shortest
patch. Tiles and regions are boxes of the frame's voxels. Each output takes of such a box the voxels whose
centres lie in it, so boxes that share out the frame share out every output, whatever its voxel size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellmap_data.dataset_writer.asked import Ranges, Target
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial import (
    AXES,
    Box,
    Lattice,
    PatchSpec,
    Shape,
    Vec,
    VoxelBox,
    edge_index,
    first_voxel,
    round_down,
    round_up,
)
from cellmap_data.spatial.frame import TOLERANCE


@dataclass(frozen=True, slots=True)
class Output:
    """One output array.

    Attributes
    ----------
    name : str
        Its name.
    patch : PatchSpec
        What a model gives of it at once.
    lattice : Lattice
        All that is written of it.
    channels : int or None
        Channels of every class; None for arrays without an axis of channels.
    axes : str
        The axes that are stored: those of raw.
    """

    name: str
    patch: PatchSpec
    lattice: Lattice
    channels: int | None = None
    axes: str = AXES

    @classmethod
    def of(cls, target: Target, raw: Lattice, patch: PatchSpec, axes: str = AXES) -> Output:
        """The voxels of a raw lattice that lie in the bounds of a target.

        Parameters
        ----------
        target : Target
            What was asked for.
        raw : Lattice
            The lattice of outputs of this voxel size, as long as raw is.
        patch : PatchSpec
            The patch that was asked for.
        axes : str
            The axes of raw.

        Raises
        ------
        ConfigurationError
            If the bounds hold no voxel, or nothing of raw.
        """
        lo, hi = _voxels(target.bounds, raw)
        faults = [
            f"{axis}: {'no voxel' if a >= b else 'nothing of raw'} in {asked} nm, raw covers {covered} nm"
            for axis, a, b, n, asked, covered in zip(
                AXES, lo, hi, raw.shape, target.bounds, _ranges(raw.bounding_box), strict=True
            )
            if a >= b or a >= n or b <= 0
        ]
        if faults:
            raise ConfigurationError(
                message(
                    "What is to be written must hold something of raw.",
                    place=f"target_bounds[{target.spec.name!r}]",
                    got="; ".join(faults),
                )
            )
        z, y, x = (t + a * s for t, a, s in zip(raw.origin, lo, raw.voxel, strict=True))
        return cls(
            target.spec.name,
            patch,
            Lattice((z, y, x), raw.voxel, VoxelBox(lo, hi).shape),
            target.channels,
            axes,
        )

    def by_axis(self, values: Sequence[Any]) -> dict[str, Any]:
        """Values along z, y, x by the names of the axes that are stored."""
        return {axis: values[AXES.index(axis)] for axis in self.axes}

    def within(self, box: Box) -> VoxelBox:
        """The voxels, also beyond what is written, whose centres lie in a box (nm) that is half-open."""
        (az, ay, ax), (bz, by, bx) = (
            tuple(
                edge_index(edge, t, s)
                for edge, t, s in zip(edges, self.lattice.origin, self.lattice.voxel, strict=True)
            )
            for edges in (box.lo, box.hi)
        )
        return VoxelBox((az, ay, ax), (bz, by, bx))

    def first(self, centre: Vec, shape: Shape) -> Shape:
        """The voxel with which a patch of that shape around ``centre`` (nm) begins; may lie outside."""
        z, y, x = (
            first_voxel(c, t, s, n)
            for c, t, s, n in zip(centre, self.lattice.origin, self.lattice.voxel, shape, strict=True)
        )
        return z, y, x


@dataclass(frozen=True, slots=True)
class Frame:
    """The voxels that tiles and regions are counted in.

    Attributes
    ----------
    lattice : Lattice
        It holds all outputs.
    patch : Shape
        The voxels of a tile.
    grain : Shape
        Tiles that begin at multiples of it begin with whole voxels of every output. The frame is a multiple
        of it, and may reach beyond the outputs by less.
    """

    lattice: Lattice
    patch: Shape
    grain: Shape = (1, 1, 1)

    @classmethod
    def of(cls, outputs: Sequence[Output]) -> Frame:
        """The frame of some outputs, at least one."""
        axes = [_axis(axis, outputs) for axis in range(3)]
        origin, voxel, shape, patch, grain = zip(*axes, strict=True)
        return cls(Lattice(origin, voxel, shape), patch, grain)

    def overlap(self, wanted: Shape) -> Shape:
        """The least overlap not below the one that is wanted with which tiles keep to the grain."""
        z, y, x = (
            p - max((p - o) // g, 1) * g for p, o, g in zip(self.patch, wanted, self.grain, strict=True)
        )
        return z, y, x

    def box(self, voxels: VoxelBox) -> Box:
        """The space (nm) of a box of the frame's voxels."""
        (az, ay, ax), (bz, by, bx) = (
            tuple(
                t + (k - 0.5) * s
                for k, t, s in zip(edges, self.lattice.origin, self.lattice.voxel, strict=True)
            )
            for edges in (voxels.lo, voxels.hi)
        )
        return Box((az, ay, ax), (bz, by, bx))


def _axis(axis: int, outputs: Sequence[Output]) -> tuple[float, float, int, int, int]:
    """Origin, voxel size, voxels of the frame and of a tile, and the grain, along one axis."""

    def length(output: Output) -> tuple[float, float]:
        return output.patch.shape[axis] * output.lattice.voxel[axis], output.lattice.voxel[axis]

    reference = min(outputs, key=length)
    t, s = reference.lattice.origin[axis], reference.lattice.voxel[axis]
    patch = reference.patch.shape[axis]
    boxes = [output.lattice.bounding_box for output in outputs]
    los, his = (
        [(edge[axis] - t) / s + 0.5 for edge in edges] for edges in zip(*map(_edges, boxes), strict=True)
    )
    grain, phase = _grain(los, [output.lattice.voxel[axis] / s for output in outputs], patch)
    first = round_down(min(los) - phase) // grain * grain + phase
    count = -(-round_up(max(his) - first) // grain) * grain
    return t + first * s, s, count, patch, grain


def _grain(los: Sequence[float], sizes: Sequence[float], patch: int) -> tuple[int, int]:
    """How far apart the places are at which voxels of all outputs begin, and one such place.

    Every place, from 0 on, where there are none, or where a patch does not lead from one to another.

    Parameters
    ----------
    los, sizes : sequence of float
        Where each output begins and its voxel size, in voxels of the frame.
    patch : int
        Voxels of a tile.
    """
    if all(_whole(size) and round(size) and _whole(lo) for size, lo in zip(sizes, los, strict=True)):
        grain = math.lcm(*map(round, sizes))
        for phase in range(grain if patch % grain == 0 else 0):
            if all((phase - round(lo)) % round(size) == 0 for lo, size in zip(los, sizes, strict=True)):
                return grain, phase
    return 1, 0


def _whole(number: float) -> bool:
    return abs(number - round(number)) <= TOLERANCE


def _edges(box: Box) -> tuple[Vec, Vec]:
    return box.lo, box.hi


def _voxels(bounds: Ranges, lattice: Lattice) -> tuple[Shape, Shape]:
    lo, hi = [], []
    for edges, t, s, n in zip(bounds, lattice.origin, lattice.voxel, lattice.shape, strict=True):
        lo.append(0 if edges is None else edge_index(edges[0], t, s))
        hi.append(n if edges is None else edge_index(edges[1], t, s))
    return (lo[0], lo[1], lo[2]), (hi[0], hi[1], hi[2])


def _ranges(box: Box) -> Ranges:
    return tuple(zip(box.lo, box.hi, strict=True))
