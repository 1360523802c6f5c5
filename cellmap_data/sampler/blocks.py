"""The blocks in which classes show, with the positions that show them: what foreground is drawn from."""

from __future__ import annotations

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


_NOWHERE = Sightings(np.zeros(0, np.int64), np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64))

CropSightings: TypeAlias = Sequence[tuple[tuple[int, int, int], Mapping[str, Sightings]]]
"""Of each crop, its positions per axis and where its annotated classes show."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockIndex:
    """The blocks of one class in all crops, or of several classes.

    Attributes
    ----------
    ends : ndarray of float64
        Running sum of what blocks are drawn in proportion to, [n].
    crops : ndarray of int32
        The crop of each block, [n].
    first, number : ndarray of int64 and of int32
        As in :class:`Sightings`, of all blocks.
    starts, extents : ndarray of int64
        Of each crop, the index of its first position, [crops], and its positions per axis, [crops, 3].
    """

    ends: npt.NDArray[np.float64]
    crops: npt.NDArray[np.int32]
    first: Indices
    number: npt.NDArray[np.int32]
    starts: Indices
    extents: Indices

    @classmethod
    def of(cls, name: str, crops: CropSightings, by: str) -> BlockIndex:
        """The blocks of one class; each in proportion to its positive voxels, or as any other."""
        found = [(crop, classes[name]) for crop, (_, classes) in enumerate(crops) if name in classes]
        blocks = [one for _, one in found] or [_NOWHERE]
        counts = np.concatenate([one.counts for one in blocks])
        extents = np.array([counts for counts, _ in crops], np.int64).reshape(-1, 3)
        sizes = extents.prod(axis=1)
        return cls(
            np.cumsum(counts if by == "voxels" else np.ones_like(counts), dtype=np.float64),
            np.repeat(np.array([crop for crop, _ in found], np.int32), [one.counts.size for _, one in found]),
            np.concatenate([one.first for one in blocks]),
            np.concatenate([one.number.astype(np.int32) for one in blocks]),
            np.cumsum(sizes) - sizes,
            extents,
        )

    @classmethod
    def mixed(cls, parts: Sequence[tuple[BlockIndex, float]]) -> BlockIndex:
        """The blocks of several classes of the same crops, each class with its probability."""
        ends, before = [], 0.0
        for index, probability in parts:
            ends.append(before + index.ends / index.ends[-1] * probability)
            before = float(ends[-1][-1])
        indices = [index for index, _ in parts]
        return cls(
            np.concatenate(ends),
            np.concatenate([index.crops for index in indices]),
            np.concatenate([index.first for index in indices]),
            np.concatenate([index.number for index in indices]),
            indices[0].starts,
            indices[0].extents,
        )

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
        crops, index = self.crops[blocks], np.zeros_like(blocks)
        for axis, along in enumerate(words):
            place = self.first[blocks, axis] + below(along, self.number[blocks, axis])
            index = index * self.extents[crops, axis] + place
        drawn: Indices = self.starts[crops] + index
        return drawn
