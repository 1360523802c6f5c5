"""The memory in which the tiles of one region become what is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.spatial import VoxelBox

Array: TypeAlias = npt.NDArray[Any]
Key: TypeAlias = tuple[int, str]
"""The number of an output, and a class."""


class Window(Protocol):
    """What tiles are put into."""

    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """Say how much a tile counts in a box of an output's voxels, [z, y, x]; once for each tile."""

    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Put in the values of the tile that was weighed last, [(channels,) z, y, x]."""

    def results(self) -> Mapping[Key, Array]:
        """What is written of each output and class; the window is used up."""


class Mosaic:
    """Tiles side by side: each voxel is of one tile, and keeps its type.

    Parameters
    ----------
    boxes : mapping
        The number of an output -> its voxels that are in the region.
    """

    def __init__(self, boxes: Mapping[int, VoxelBox]) -> None:
        self._boxes = boxes
        self._values: dict[Key, Array] = {}

    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """No tile shares a voxel with another."""

    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Put in the values of a tile."""
        whole = self._values.get(key)
        if whole is None:
            shape = (*values.shape[:-3], *self._boxes[key[0]].shape)
            whole = self._values[key] = np.zeros(shape, values.dtype)
        whole[_inside(self._boxes[key[0]], box)] = values

    def results(self) -> Mapping[Key, Array]:
        """The values as they were given."""
        return self._values


class Blending:
    """Tiles that overlap: each voxel is the weighted mean of all tiles that give it, in float32.

    The weights are added up as the values are, and divide them: however tiles lie, they sum to one.

    Parameters
    ----------
    boxes : mapping
        The number of an output -> its voxels that are in the region.
    """

    def __init__(self, boxes: Mapping[int, VoxelBox]) -> None:
        self._boxes = boxes
        self._sums: dict[Key, Array] = {}
        self._dtypes: dict[Key, np.dtype[Any]] = {}
        self._totals = {output: np.zeros(box.shape, np.float32) for output, box in boxes.items()}
        self._weights: dict[int, Array] = {}

    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """Say how much a tile counts."""
        self._weights[output] = weights
        self._totals[output][_inside(self._boxes[output], box)] += weights

    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Add the values of a tile."""
        whole = self._boxes[key[0]]
        if key not in self._sums:
            self._sums[key] = np.zeros((*values.shape[:-3], *whole.shape), np.float32)
            self._dtypes[key] = values.dtype
        self._sums[key][_inside(whole, box)] += values * self._weights[key[0]]

    def results(self) -> Mapping[Key, Array]:
        """The means; of a model that gives integers the nearest ones."""
        return {key: self._mean(key) for key in self._sums}

    def _mean(self, key: Key) -> Array:
        mean, dtype = self._sums[key], self._dtypes[key]
        mean /= self._totals[key[0]]
        if dtype.kind == "f":
            return mean
        np.rint(mean, out=mean)
        return mean.astype(dtype)


def _inside(whole: VoxelBox, box: VoxelBox) -> tuple[Any, ...]:
    """A box as an index into the array of another box that holds it."""
    z, y, x = whole.lo
    return (..., *box.shifted((-z, -y, -x)).slices)
