"""The blocks in which classes show, with the positions that show them: what foreground is drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.sampler.chance import Indices, Words, below


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Where one class of one crop shows, and the positions that show it there.

    Attributes
    ----------
    counts : ndarray of int64
        Positive voxels of each block, [n].
    first, number : ndarray of int64
        Along each axis, the first position whose patch holds a positive voxel of the block, and how many such
        positions follow, itself included; [n, 3], none of ``number`` is 0.
    """

    counts: Indices
    first: Indices
    number: Indices


CropSightings: TypeAlias = Sequence[tuple[tuple[int, int, int], Mapping[str, Sightings]]]
"""Of each crop, its positions per axis and where its annotated classes show."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockIndex:
    """The blocks of one class in all crops, or of several classes.

    Attributes
    ----------
    ends : ndarray of float64
        Running sum of what blocks are drawn in proportion to, [n].
    starts : ndarray of int64
        Index of the first position of each block's crop, [n].
    extents : ndarray of int64
        Positions per axis of its crop, [n, 3].
    first, number : ndarray of int64
        As in :class:`Sightings`, of all blocks.
    """

    ends: npt.NDArray[np.float64]
    starts: Indices
    extents: Indices
    first: Indices
    number: Indices

    @classmethod
    def of(cls, name: str, crops: CropSightings, by: str) -> BlockIndex:
        """The blocks of one class; each in proportion to its positive voxels, or as any other."""
        weights = [np.zeros(0, np.int64)]
        starts, extents, first, number = list(weights), *([np.zeros((0, 3), np.int64)] for _ in range(3))
        start = 0
        for counts, classes in crops:
            found = classes.get(name)
            if found is not None:
                n = found.counts.size
                weights.append(found.counts if by == "voxels" else np.ones(n, np.int64))
                starts.append(np.full(n, start, np.int64))
                extents.append(np.broadcast_to(np.array(counts, np.int64), (n, 3)))
                first.append(found.first)
                number.append(found.number)
            start += math.prod(counts)
        columns = (np.concatenate(column) for column in (starts, extents, first, number))
        return cls(np.cumsum(np.concatenate(weights), dtype=np.float64), *columns)

    @classmethod
    def mixed(cls, parts: Sequence[tuple[BlockIndex, float]]) -> BlockIndex:
        """The blocks of several classes, each class with its probability."""
        ends, before = [], 0.0
        for index, probability in parts:
            ends.append(before + index.ends / index.ends[-1] * probability)
            before = float(ends[-1][-1])
        columns = (
            np.concatenate([getattr(index, name) for index, _ in parts])
            for name in ("starts", "extents", "first", "number")
        )
        return cls(np.concatenate(ends), *columns)

    def draw(self, chances: npt.NDArray[np.float64], words: Sequence[Words]) -> Indices:
        """A block by its share, then a position that shows it.

        Parameters
        ----------
        chances : ndarray of float64
            Of each draw, a number in 0 <= x < 1.
        words : sequence of ndarray of uint64
            Random bits along each axis.
        """
        found = np.searchsorted(self.ends, chances * self.ends[-1], side="right")
        blocks = np.minimum(found, self.ends.size - 1)  # the product may round up to the last end
        index = np.zeros_like(blocks)
        for axis, along in enumerate(words):
            place = self.first[blocks, axis] + below(along, self.number[blocks, axis])
            index = index * self.extents[blocks, axis] + place
        drawn: Indices = self.starts[blocks] + index
        return drawn
