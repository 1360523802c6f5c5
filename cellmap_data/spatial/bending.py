"""How warps displace the voxels of a patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial.frame import Shape, Vec
from cellmap_data.spatial.lattice import PatchSpec
from cellmap_data.spatial.motion import Displacement, Motion, Warp

Field: TypeAlias = npt.NDArray[np.float32]
"""A displacement (nm, along z, y, x) for each voxel of a patch: [3, Z, Y, X], in C order."""


@dataclass(frozen=True, slots=True)
class Bend:
    """What warps do to a patch. Arrays of a sample that have the same patch share it, and its field.

    Attributes
    ----------
    warps : tuple of Warp
        Applied one after the other.
    shape : Shape
        The patch.
    voxel : Vec
        Its voxel size, nm.
    """

    warps: tuple[Warp, ...]
    shape: Shape
    voxel: Vec

    @classmethod
    def of(cls, motion: Motion, patch: PatchSpec) -> Bend | None:
        """What a motion does to a patch before its linear part acts, if anything."""
        return cls(motion.warps, patch.shape, patch.voxel) if motion.warps else None

    def field(self) -> Field:
        """Work out how far the voxels go; float32 holds that to a millionth of itself."""
        z, y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(self.shape, self.voxel, strict=True))
        offsets = z[:, None, None], y[:, None], x
        first, *others = self.warps
        total = _stacked(first.displacement(*offsets), self.shape)
        for warp in others:
            moved = (offset + part for offset, part in zip(offsets, total, strict=True))
            total = total + _stacked(warp.displacement(*moved), self.shape)
        return total


def _stacked(displacement: Displacement, shape: Shape) -> Field:
    """The displacement in one array: as it is, if the warp made it so."""
    if isinstance(displacement, np.ndarray) and displacement.shape == (3, *shape):
        return np.ascontiguousarray(displacement, np.float32)
    field = np.empty((3, *shape), np.float32)
    for axis, part in enumerate(displacement):
        field[axis] = part
    return field
