"""The memory in which the tiles of one region become what is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.dataset_writer.scratch import Scratch
from cellmap_data.spatial import VoxelBox

Array: TypeAlias = npt.NDArray[Any]
Key: TypeAlias = tuple[int, str]
"""The number of an output, and a class."""


class Window(ABC):
    """What the tiles of a region are put into.

    Parameters
    ----------
    boxes : mapping
        The number of an output -> its voxels that are in the region.
    scratch : Scratch
        Where its memory comes from.
    """

    def __init__(self, boxes: Mapping[int, VoxelBox], scratch: Scratch) -> None:
        self._boxes, self._scratch = boxes, scratch
        self._blocks: list[Array] = []

    @abstractmethod
    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """Say how much a tile counts in a box of an output's voxels, [z, y, x]; once for each tile."""

    @abstractmethod
    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Put in the values of the tile that was weighed last, [(channels,) z, y, x]."""

    @abstractmethod
    def results(self) -> Mapping[Key, Array]:
        """What is written of each output and class; valid until the window is released."""

    def release(self) -> None:
        """Let others use the memory."""
        self._scratch.give_back(self._blocks)
        self._blocks = []

    def _memory(self, output: int, channels: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Memory for all of an output in the region, holding anything."""
        values, block = self._scratch.take((*channels, *self._boxes[output].shape), dtype)
        self._blocks.append(block)
        return values

    def _at(self, output: int, box: VoxelBox) -> tuple[Any, ...]:
        """A box as an index into the memory of an output."""
        return (..., *box.seen_from(self._boxes[output].lo).slices)


class Mosaic(Window):
    """Tiles side by side: each voxel is of one tile, and keeps its type."""

    def __init__(self, boxes: Mapping[int, VoxelBox], scratch: Scratch) -> None:
        super().__init__(boxes, scratch)
        self._values: dict[Key, Array] = {}

    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """No tile shares a voxel with another."""

    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Put in the values of a tile."""
        whole = self._values.get(key)
        if whole is None:
            whole = self._values[key] = self._memory(key[0], values.shape[:-3], values.dtype)
        whole[self._at(key[0], box)] = values

    def results(self) -> Mapping[Key, Array]:
        """The values as they were given."""
        return self._values


class Blending(Window):
    """Tiles that overlap: each voxel is the weighted mean of all tiles that give it, in float32.

    The weights are added up as the values are, and divide them: however tiles lie, they sum to one.
    """

    def __init__(self, boxes: Mapping[int, VoxelBox], scratch: Scratch) -> None:
        super().__init__(boxes, scratch)
        self._sums: dict[Key, Array] = {}
        self._dtypes: dict[Key, np.dtype[Any]] = {}
        self._totals = {output: self._zeros(output, ()) for output in boxes}
        self._weights: dict[int, Array] = {}

    def weigh(self, output: int, box: VoxelBox, weights: Array) -> None:
        """Say how much a tile counts."""
        self._weights[output] = weights
        self._totals[output][self._at(output, box)] += weights

    def add(self, key: Key, box: VoxelBox, values: Array) -> None:
        """Add the values of a tile."""
        if key not in self._sums:
            self._sums[key] = self._zeros(key[0], values.shape[:-3])
            self._dtypes[key] = values.dtype
        self._sums[key][self._at(key[0], box)] += values * self._weights[key[0]]

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

    def _zeros(self, output: int, channels: tuple[int, ...]) -> Array:
        values = self._memory(output, channels, np.float32)
        values.fill(0)
        return values
