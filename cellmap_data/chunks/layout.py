"""How an array, a box of it and what came of reading it are told to compiled loops: as rows of whole numbers.

Axes are in the order in which they are stored, padded in front with axes of one voxel to :data:`NDIM`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Codec(enum.IntEnum):
    """How a chunk is packed in its file."""

    NONE = 0
    ZSTD = 1
    BLOSC = 2


NDIM = 5

CHUNK, GRID = 0, 5
AXES, SEPARATOR, CODEC, SMALL, PREFIX, OPEN_FLAGS = 10, 11, 12, 13, 14, 15
"""Of an array: voxels of a chunk and chunks along each axis; numbers in the names of files and what stands
between them; how chunks are packed; bytes of a file up to which a chunk may hold one value; bytes of the path
before the numbers; how files are opened."""

LO, SIDES, STRIDES = 0, 5, 10
ADDRESS, BEGIN, COMMON = 15, 16, 17
"""Of a box: its first voxel, its sides, and the strides of the memory it goes to, in elements; where that
memory begins; the chunk to go on with; the state of the chunks that are filled in already."""

BYTES, UNPACKED, FILLED, NEWS, NEEDED, TALLY_SIZE = 0, 1, 2, 3, 4, 5
"""What is counted: bytes of files, bytes of chunks that were unpacked, chunks that were filled in, chunks
that turned out to hold one value; and bytes of the last file."""

UNSEEN, MIXED, FIRST = 0, 1, 2
"""States of a chunk: not wanted yet; of several values, or taken to be. From ``FIRST`` on it has one value,
and the state says which."""

DONE, ABSENT, FAILED, TOO_LARGE = 0, 1, 2, 3
"""How reading a box ended: all is there; a chunk has no file; a chunk cannot be read; a file does not fit."""


def padded(values: Sequence[int], before: int) -> tuple[int, ...]:
    """One number for each of NDIM axes; ``before`` for those in front."""
    return (before,) * (NDIM - len(values)) + tuple(values)


def word_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The whole numbers of the size of a dtype, which compiled loops copy in its place."""
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{dtype.itemsize}")


def fits(box: Sequence[slice], out: Array) -> bool:
    """Whether loops may write a box to memory: of its shape, writeable, on whole elements."""
    shape = tuple(part.stop - part.start for part in box)
    return out.shape == shape and out.flags.writeable and all(s % out.itemsize == 0 for s in out.strides)


def told(first: Sequence[int], out: Array) -> Array:
    """The box whose first voxel is ``first``, and the memory that it goes to."""
    strides = [stride // out.itemsize for stride in out.strides]
    backwards = sum((n - 1) * s for n, s in zip(out.shape, strides, strict=True) if s < 0)
    address = out.__array_interface__["data"][0] + backwards * out.itemsize
    axes = *padded(first, 0), *padded(out.shape, 1), *padded(strides, 0)
    return np.array([*axes, address, 0, 0], np.int64)
