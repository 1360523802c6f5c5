"""Between the axes of a stored array and z, y, x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from cellmap_data.errors import MetadataError, message
from cellmap_data.ngff import Axis
from cellmap_data.spatial import AXES, Vec, VoxelBox
from cellmap_data.storage import Box

_IN_ORDER = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class StoredAxes:
    """Which of z, y, x (0, 1, 2) each axis of a stored array is.

    None stands for an axis of length 1 that is not space. An array without z is one voxel thick.
    """

    order: tuple[int | None, ...]

    @classmethod
    def of(cls, axes: Sequence[Axis]) -> StoredAxes:
        """The axes of a multiscale volume."""
        return cls(tuple(AXES.index(axis.name) if axis.is_space else None for axis in axes))

    def check(self, uri: str, shape: tuple[int, ...]) -> None:
        """Refuse an array that does not have these axes.

        Raises
        ------
        MetadataError
            If the number of axes differs, or there are several channels or times.
        """
        if len(shape) != len(self.order):
            raise MetadataError(
                message(
                    "The metadata and an array do not have the same number of axes.",
                    place=uri,
                    expected=f"{len(self.order)} axes, as many as the metadata lists",
                    got=f"the shape {shape}",
                )
            )
        if any(n != 1 for axis, n in zip(self.order, shape, strict=True) if axis is None):
            raise MetadataError(
                message(
                    "Only one channel and one time can be read.",
                    place=uri,
                    expected="axes that are not z, y or x to be of length 1",
                    got=f"the shape {shape}, where axes {self.others} are not z, y or x",
                    hint="store each as a volume of its own, or use a plugin that answers open_array",
                )
            )

    @property
    def others(self) -> tuple[int, ...]:
        """The stored axes that are not space."""
        return tuple(number for number, axis in enumerate(self.order) if axis is None)

    def spatial(self, values: Sequence[Any], absent: Any) -> tuple[Any, Any, Any]:
        """One value for each of z, y, x from one for each stored axis; ``absent`` where it is not stored."""
        z, y, x = (values[self.order.index(a)] if a in self.order else absent for a in _IN_ORDER)
        return z, y, x

    def vec(self, values: Sequence[float], absent: float) -> Vec:
        """As :meth:`spatial`, for numbers."""
        z, y, x = self.spatial(values, absent)
        return float(z), float(y), float(x)

    def index(self, box: VoxelBox) -> Box:
        """A box of voxels as an index into the stored array."""
        slices = box.slices
        return tuple(slice(0, 1) if axis is None else slices[axis] for axis in self.order)

    def view(self, block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A block in z, y, x order as a view that has the stored axes."""
        if self.order == _IN_ORDER:
            return block
        stored = [axis for axis in self.order if axis is not None]
        kept = block[tuple(slice(None) if axis in stored else 0 for axis in _IN_ORDER)]
        turned = kept.transpose([sorted(stored).index(axis) for axis in stored])
        return turned[tuple(None if axis is None else slice(None) for axis in self.order)]
