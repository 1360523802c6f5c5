"""Chunks that hold one value all over: known once seen, and from then on filled in instead of read.

Labels mostly consist of them: of a class that is rare, most chunks are not even stored. To a reader each is a
file to look for and a chunk to copy all the same.
"""

from __future__ import annotations

import collections
import itertools
import math
import operator
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import StoreError
from cellmap_data.storage.keys import ChunkKeys
from cellmap_data.storage.reader import Box

Array: TypeAlias = npt.NDArray[Any]
Chunk: TypeAlias = tuple[int, ...]

_UNSEEN, _SUSPECT, _MIXED, _FIRST = 0, 1, 2, 3
"""States of a chunk: not wanted yet; wanted once, with a small file; of several values, or taken to be. From
``_FIRST`` on it has one value, and the state says which."""

_UNKNOWN = {_UNSEEN, _SUSPECT, _MIXED}
_VALUES = 256 - _FIRST

_SMALL = 128
"""A file that is smaller than its chunk by this factor is suspected to hold one value."""

_LARGEST = 16 << 20
"""Bytes of the largest chunk that is read for this: a small file may unpack to very much."""

_MOST_CHUNKS = 1 << 27
"""Chunks of the largest array that this is done for; a byte of memory for each, once it is seen."""

_WORTHWHILE = 4
"""One in so many chunks of a box must be filled in for a gain: the rest takes more, smaller, reads."""

_written: collections.Counter[str] = collections.Counter()
"""How often this process wrote to the folders of arrays."""

_FEW, _SLOW = 16, 200e-6
"""If the fastest of a few looks took longer than this (s), files are far away: looking does not pay."""

_MANY = 256
"""If so many looks found nothing, there is not much to find."""


class UniformChunks:
    """What is known of the chunks of one array in files; used by many threads at once.

    A chunk that is wanted and has no file has the fill value. One with a small file is read when it is wanted
    again, for once would be a read too many if nobody comes back. What is found holds for as long as this
    object lives.

    Parameters
    ----------
    folder : str
        Of the array.
    keys : ChunkKeys
        What the files of its chunks are called.
    shape : sequence of int
        Of the array.
    chunks : sequence of int
        Voxels of what one file holds, per axis.
    fill : ndarray
        The fill value, of the dtype of the stored values.
    read : callable
        Reads a box of the array; StoreError if it cannot be read.
    """

    def __init__(
        self,
        folder: str,
        keys: ChunkKeys,
        shape: Sequence[int],
        chunks: Sequence[int],
        fill: Array,
        read: Callable[[Box], Array],
    ) -> None:
        self._folder, self._keys, self._read = os.path.realpath(folder), keys, read
        self._shape, self._chunks = tuple(shape), tuple(chunks)
        nbytes = math.prod(chunks) * fill.itemsize
        self._small = nbytes // _SMALL if nbytes <= _LARGEST else -1
        grid = [-(-n // size) for n, size in zip(self._shape, self._chunks, strict=True)]
        self._grid = grid if math.prod(grid) <= _MOST_CHUNKS else [0] * len(grid)
        self._written = -1
        self._values = np.zeros(_VALUES, fill.dtype)
        self._state_of: dict[bytes, int] = {}
        self._fill = fill.reshape(1)
        self._looks, self._fastest = 0, math.inf
        self._lock = threading.Lock()

    def value(self, box: Box) -> Any:
        """The value in all of a box; None where it has several, or that is not known."""
        states = self._seen(box)
        first = states.flat[0] if states.size else _MIXED
        return self._values[first - _FIRST] if first >= _FIRST and (states == first).all() else None

    def fill(self, box: Box, out: Array) -> list[Box]:
        """Write to ``out``, of the shape of ``box``, the value that most is known to have.

        Returns
        -------
        list of tuple of slice
            What is left to read: of each layer of chunks across the first axis the smallest box around those
            that do not have this value.
        """
        if not self._pays() and not self._state_of:
            return [box]
        states = self._seen(box)
        found = states.tobytes()
        common = max({*found} - _UNKNOWN, key=found.count, default=_MIXED)
        share = found.count(common) if common >= _FIRST else 0
        if share * _WORTHWHILE <= len(found):
            return [box]
        out[...] = self._values[common - _FIRST]
        if share == len(found):
            return []
        return [self._part(box, chunks) for chunks in _layers(states != common)]

    def _part(self, box: Box, chunks: Sequence[slice]) -> Box:
        """What chunks, counted from the first of a box, have of the box."""
        part = []
        for b, c, n in zip(box, chunks, self._chunks, strict=True):
            first = b.start // n
            part.append(slice(max(b.start, (first + c.start) * n), min(b.stop, (first + c.stop) * n)))
        return tuple(part)

    def _seen(self, box: Box) -> npt.NDArray[np.uint8]:
        """The states of all chunks of a box, after a look at the new ones; of an empty box none."""
        first = [part.start // n for part, n in zip(box, self._chunks, strict=True)]
        end = [
            -(-part.stop // n) if part.start < part.stop else 0
            for part, n in zip(box, self._chunks, strict=True)
        ]
        now = _written[self._folder]
        if self._written != now:
            self._states = np.zeros(self._grid, np.uint8)  # and not set to 0: a look may be under way
            self._written = now
        states = self._states[tuple(map(slice, first, end))]
        if (states < _MIXED).any() and self._pays():
            for at in map(tuple, np.argwhere(states < _MIXED).tolist()):
                chunk = tuple(a + b for a, b in zip(first, at, strict=True))
                states[at] = self._look(chunk) if states[at] == _UNSEEN else self._examine(self._box(chunk))
        return states

    def _pays(self) -> bool:
        far = self._looks >= _FEW and self._fastest > _SLOW
        return not far and (self._looks < _MANY or bool(self._state_of))

    def _look(self, chunk: Chunk) -> int:
        """The state of a chunk that is wanted for the first time."""
        size = self._size(chunk)
        if size >= 0:
            return _SUSPECT if size <= self._small else _MIXED
        return self._state(self._fill)

    def _examine(self, box: Box) -> int:
        """The state of a chunk, from the values in it."""
        try:
            block = self._read(box)
        except StoreError:
            return _MIXED  # whoever reads it will be told
        return self._state(block)

    def _state(self, block: Array) -> int:
        """The state of a chunk that holds these values."""
        value = block.flat[0]
        if not (block == value).all():
            return _MIXED
        with self._lock:
            known = len(self._state_of)
            state = self._state_of.get(value.tobytes())
            if state is None and known < _VALUES:
                self._values[known] = value
                state = self._state_of[value.tobytes()] = _FIRST + known
        return _MIXED if state is None else state

    def _box(self, chunk: Chunk) -> Box:
        sizes = zip(chunk, self._chunks, self._shape, strict=True)
        return tuple(slice(c * n, min((c + 1) * n, m)) for c, n, m in sizes)

    def _size(self, chunk: Chunk) -> int:
        """Bytes of the file of a chunk; -1 if there is none."""
        began = time.perf_counter()
        try:
            size = os.stat(os.path.join(self._folder, self._keys.name(chunk))).st_size
        except FileNotFoundError:
            size = -1
        except OSError:
            size = self._small + 1
        self._looks += 1
        self._fastest = min(self._fastest, time.perf_counter() - began)
        return size


def written(folder: str) -> None:
    """Forget what is known of the array in a folder: this process has written to it."""
    _written[os.path.realpath(folder)] += 1


def within(box: Box, part: Box) -> Box:
    """Where a part of a box lies in memory that holds the box."""
    return tuple(slice(p.start - b.start, p.stop - b.start) for b, p in zip(box, part, strict=True))


def _layers(mask: npt.NDArray[np.bool_]) -> Iterator[Box]:
    """The smallest box around what is True in each layer across the first axis, where anything is."""
    for _, places in itertools.groupby(np.argwhere(mask).tolist(), key=operator.itemgetter(0)):
        yield tuple(slice(min(axis), max(axis) + 1) for axis in zip(*places, strict=True))
