"""Stored levels, the patches asked of them, and which level serves a patch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellmap_data.config import AXES, check_finite
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import (
    SIZE_TOLERANCE,
    Box,
    Shape,
    Vec,
    edge_index,
    round_down,
    round_up,
    same_voxel_size,
)
from cellmap_data.spatial.motion import Motion


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where the voxels of one stored array lie.

    Attributes
    ----------
    origin : Vec
        Centre of the first voxel, nm (the NGFF translation).
    voxel : Vec
        Voxel size, nm.
    shape : Shape
        Voxels per axis.
    """

    origin: Vec
    voxel: Vec
    shape: Shape

    def __post_init__(self) -> None:
        _check("a lattice", self.voxel, self.shape, smallest=0)

    @property
    def bounding_box(self) -> Box:
        """The space the voxels cover, nm: from the first one's lower face to the last one's upper face."""
        (tz, ty, tx), (sz, sy, sx), (nz, ny, nx) = self.origin, self.voxel, self.shape
        return Box(
            (tz - sz / 2, ty - sy / 2, tx - sx / 2),
            (tz + (nz - 0.5) * sz, ty + (ny - 0.5) * sy, tx + (nx - 0.5) * sx),
        )

    @classmethod
    def inside(cls, box: Box, voxel: Vec, through: Vec | None = None) -> Lattice:
        """The voxels of a box: those centred at or after its lower edge and before its upper one.

        Parameters
        ----------
        box : Box
            The space, nm.
        voxel : Vec
            Voxel size, nm.
        through : Vec, optional
            The centre of some voxel, nm, in the box or not. Without it the box decides along each axis.
            Where its lower edge is a whole number of voxels from 0, or half a voxel more, voxels are centred
            on whole numbers: (0, 1600) and (-4, 1596) at 8 nm are the same 200 voxels, the first centred
            at 0. Anywhere else the lower edge is the centre of the first voxel, as in files of older tools.
        """
        _check("a lattice", voxel, (0, 0, 0), smallest=0)
        for edge in (box.lo, box.hi):
            check_finite(dict(zip(AXES, edge, strict=True)), "A box has finite edges, in nm.")
        axes = [
            _voxels_inside(lo, hi, s, _phase(lo, s) if t is None else t)
            for lo, hi, s, t in zip(box.lo, box.hi, voxel, through or (None, None, None), strict=True)
        ]
        (tz, nz), (ty, ny), (tx, nx) = axes
        return cls((tz, ty, tx), voxel, (nz, ny, nx))


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """What a model asks for: ``shape`` voxels of size ``voxel`` (nm). A 2-D patch has one voxel along z."""

    shape: Shape
    voxel: Vec

    def __post_init__(self) -> None:
        _check("a patch", self.voxel, self.shape, smallest=1)

    @property
    def extent(self) -> Vec:
        """The edge lengths of the space the patch covers, nm."""
        (pz, py, px), (sz, sy, sx) = self.shape, self.voxel
        return pz * sz, py * sy, px * sx


@dataclass(frozen=True, slots=True)
class Source:
    """One array of a sample: the stored level, the patch asked of it, and whether it may be padded."""

    lattice: Lattice
    patch: PatchSpec
    pad: bool = False

    @property
    def layout(self) -> Lattice:
        """The lattice on which the patches of this source are laid out.

        Along an axis where the voxel size asked for is the stored one, the stored lattice; otherwise one of
        the size asked for, with its first voxel against the lower face of the stored box.
        """
        stored, box = self.lattice, self.lattice.bounding_box
        axes = [
            (t, s, n) if same_voxel_size(v, s, P) else (lo + v / 2, v, round_down((hi - lo) / v))
            for t, s, n, lo, hi, v, P in zip(
                stored.origin,
                stored.voxel,
                stored.shape,
                box.lo,
                box.hi,
                self.patch.voxel,
                self.patch.shape,
                strict=True,
            )
        ]
        origin, voxel, shape = zip(*axes, strict=True)
        return Lattice(origin, voxel, shape)

    def fits(self, centre: Vec, motion: Motion) -> bool:
        """Whether a motion of the patch at ``centre`` (nm) takes nothing from outside the stored box.

        A patch that already sticks out where it is may be moved as you like: it is padded anyway.
        """
        box, extent = self.lattice.bounding_box, self.patch.extent
        z, y, x = self.lattice.voxel
        slack = z * SIZE_TOLERANCE, y * SIZE_TOLERANCE, x * SIZE_TOLERANCE

        def inside(size: Vec) -> bool:
            return box.contains(Box.around(centre, size), slack)

        return inside(motion.extent(extent)) or not inside(extent)


def choose_level(lattices: Sequence[Lattice], patch: PatchSpec) -> int:
    """The level from which a patch is read.

    Parameters
    ----------
    lattices : sequence of Lattice
        The levels of one volume, in any order.
    patch : PatchSpec
        What is asked for.

    Returns
    -------
    int
        Index of the coarsest level that is not coarser than asked for along any axis; sizes that are equal
        over the patch count as equal. Where every level is coarser, the finest: the caller upsamples.

    Raises
    ------
    ConfigurationError
        If there is no level.
    """
    if not lattices:
        raise ConfigurationError(message("A volume needs at least one level.", got="none"))
    volumes = [math.prod(lattice.voxel) for lattice in lattices]
    fine_enough = [i for i, lattice in enumerate(lattices) if _not_coarser(lattice.voxel, patch)]
    if fine_enough:
        return max(fine_enough, key=volumes.__getitem__)
    return volumes.index(min(volumes))


def _not_coarser(voxel: Vec, patch: PatchSpec) -> bool:
    """Whether no axis of a level is coarser than asked for."""
    return all(
        s <= v or same_voxel_size(v, s, P) for s, v, P in zip(voxel, patch.voxel, patch.shape, strict=True)
    )


def _voxels_inside(lo: float, hi: float, s: float, t: float) -> tuple[float, int]:
    """Centre of the first voxel (nm) and number of voxels between two edges, on the lattice through ``t``."""
    first = edge_index(lo, t, s)
    return t + first * s, max(edge_index(hi, t, s) - first, 0)


def _phase(lo: float, s: float) -> float:
    """The centre of a voxel, where only the lower edge of a box is known."""
    halves = 2 * lo / s
    return 0.0 if round_up(halves) == round_down(halves) else lo


def _check(what: str, voxel: Vec, shape: Shape, *, smallest: int) -> None:
    """Refuse sizes no volume can have.

    Raises
    ------
    ConfigurationError
        Naming the sizes.
    """
    if not all(0 < s < math.inf for s in voxel) or not all(n >= smallest for n in shape):
        raise ConfigurationError(
            message(
                f"The sizes of {what} must be positive.",
                expected=f"voxel sizes > 0 nm and at least {smallest} voxels along z, y, x",
                got=f"voxel {voxel}, shape {shape}",
            )
        )
