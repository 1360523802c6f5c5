"""The chunks of one array that are files of this machine."""

from __future__ import annotations

import functools
import math
import os
import threading
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.chunks import layout
from cellmap_data.chunks.kept import Held, kept_chunks
from cellmap_data.chunks.meter import meter
from cellmap_data.chunks.ready import are_ready
from cellmap_data.chunks.workspace import workspace

Array: TypeAlias = npt.NDArray[Any]
Box: TypeAlias = tuple[slice, ...]

_VALUES = 256 - layout.FIRST
_NUMBERS = 256  # bytes for the numbers in the name of a chunk
_MOST_CHUNKS = 1 << 27  # of the largest array: a byte of memory for each, once it is wanted
_LARGEST = 1 << 30  # bytes of a chunk
_SMALL = 128
"""A file that is smaller than its chunk by this factor is suspected to hold one value."""

_CASTS = {("u1", "f4"), ("i1", "f4"), ("u2", "f4"), ("i2", "f4")}
"""Casts that are compiled, beside none at all."""

_lock = threading.Lock()
_written: Counter[str] = Counter()
"""How often this process wrote to the folders of arrays."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How the chunks of an array are packed in files: in C order, in the byte order of this machine.

    Attributes
    ----------
    codec : Codec
        What packed them.
    fill : float
        The value of voxels whose chunk has no file.
    """

    codec: layout.Codec
    fill: float


class ChunkFiles:
    """Reads boxes of an array whose chunks are files; used by many threads at once.

    A chunk without a file, or with a small one that turns out to hold one value, is known from then on and
    filled in: as long as this object lives no file of it is opened again, unless this process writes to the
    array.

    Parameters
    ----------
    folder : str
        Of the array.
    first, separator : str
        What the names of chunks begin with, and what stands between their numbers.
    packing : Packing
        How chunks are packed.
    shape, chunks : sequence of int
        Voxels of the array and of its chunks.
    dtype : numpy.dtype
        Of its values.
    """

    def __init__(
        self,
        folder: str,
        first: str,
        separator: str,
        packing: Packing,
        shape: Sequence[int],
        chunks: Sequence[int],
        dtype: np.dtype[Any],
    ) -> None:
        self._folder, self._dtype, self._chunks = os.path.realpath(folder), dtype, tuple(chunks)
        self._word = layout.word_of(dtype)
        self._grid = tuple(-(-n // size) for n, size in zip(shape, chunks, strict=True))
        self._steps = [math.prod(self._grid[axis + 1 :]) for axis in range(len(shape))]
        self._size = math.prod(chunks)
        self._prefix, self._separator = os.fsencode(os.path.join(self._folder, first)), separator
        self._path = self._prefix + bytes(_NUMBERS)
        small = self._size * dtype.itemsize // _SMALL if packing.codec else -1
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        rest = len(shape), ord(separator), packing.codec, small, len(self._prefix), flags
        self._array = np.array(
            [*layout.padded(self._chunks, 1), *layout.padded(self._grid, 1), *rest], np.int64
        )
        self._kind, self._shape = (self._word.str, self._chunks, self._grid), tuple(shape)
        self._values = np.zeros(_VALUES, self._word)
        self._values[:1] = np.array([packing.fill], dtype).view(self._word)
        self._state_of = {self._values[0].item(): layout.FIRST}
        self._written = -1
        self._lock = threading.Lock()
        kept_chunks.enter(self._folder)
        weakref.finalize(self, kept_chunks.leave, self._folder).atexit = False

    @staticmethod
    def can_read(shape: Sequence[int], chunks: Sequence[int], dtype: np.dtype[Any]) -> bool:
        """Whether an array is not too unusual to be read in this way."""
        grid = math.prod(-(-n // size) for n, size in zip(shape, chunks, strict=True))
        nbytes = math.prod(chunks) * dtype.itemsize
        usual = grid <= _MOST_CHUNKS and nbytes <= _LARGEST and dtype.itemsize <= 8
        return usual and 1 <= len(shape) <= layout.NDIM

    def casts_to(self, dtype: np.dtype[Any]) -> bool:
        """Whether boxes can be read into memory of a dtype, once loops are compiled for it."""
        return dtype == self._dtype or (self._dtype.str[1:], dtype.str[1:]) in _CASTS

    def is_ready(self, dtype: np.dtype[Any]) -> bool:
        """Whether loops are compiled for memory of a dtype that is cast to."""
        return are_ready(*(self._word, self._word) if dtype == self._dtype else (self._dtype, dtype))

    def takes(self, box: Box, out: Array) -> bool:
        """Whether a box lies inside the array, and memory is such that loops may write a box there."""
        inside = len(box) == len(self._shape) and all(
            0 <= part.start <= part.stop <= n for part, n in zip(box, self._shape, strict=True)
        )
        return inside and layout.fits(box, out)

    def value(self, box: Box) -> Any:
        """The value in all of a box; None where it has several, or that is not known."""
        states = self._states()[self._touched(box)]
        state = int(states.flat[0]) if all(part.start < part.stop for part in box) else layout.MIXED
        if state < layout.FIRST or not (states == state).all():
            return None
        return self._values[state - layout.FIRST :].view(self._dtype)[0]

    def read(self, box: Box, out: Array) -> bool:
        """Read a box into memory of any strides.

        Returns
        -------
        bool
            Whether it is there. If not, a file could not be read, and ``out`` holds anything.
        """
        if not out.size:
            return True
        target = out.view(self._word) if out.dtype == self._dtype else out
        states = self._states()
        asked = layout.told([part.start for part in box], target)
        numbers = self._numbers(box, states) if kept_chunks.limit else []
        held = Held.of(self._folder, self._kind, numbers, self._word, self._size)
        tally = np.zeros(layout.TALLY_SIZE, np.int64)
        while True:
            ended = self._run(asked, states.reshape(-1), _like(target.dtype), held, tally)
            if ended == layout.DONE:
                break
            if ended == layout.TOO_LARGE:
                workspace.make_room(int(tally[layout.NEEDED]))
            elif ended != layout.ABSENT or not self._is_absent(box, int(asked[layout.BEGIN]), states):
                return False
        workspace.tidy()
        held.keep()
        names = {"read": layout.BYTES, "unpacked": layout.UNPACKED, "filled": layout.FILLED}
        meter.add(**{name: int(tally[place]) for name, place in names.items()})
        return True

    def _run(self, asked: Array, states: Array, like: Array, held: Held, tally: Array) -> int:
        """Read on, until all is there or something is in the way; take note of chunks of one value."""
        from cellmap_data.chunks import kernels

        tally[layout.NEWS] = 0
        news, values = workspace.news, workspace.news_values(self._word)
        ended: int = kernels.read_box(
            self._array,
            np.frombuffer(bytearray(self._path), np.uint8),
            states,
            self._values,
            asked,
            like,
            held.addresses,
            held.ready,
            workspace.chunk(self._word, self._size),
            workspace.packed,
            workspace.unpacker,
            news,
            values,
            tally,
        )
        found = int(tally[layout.NEWS])
        for number, value in zip(news[:found].tolist(), values[:found].tolist(), strict=True):
            states[number] = self._state(value)
        return ended

    def _state(self, value: int) -> int:
        """The state of chunks that hold a value, given as a whole number; MIXED if there are too many."""
        with self._lock:
            known = len(self._state_of)
            if value not in self._state_of and known < _VALUES:
                self._values[known] = value
                self._state_of[value] = layout.FIRST + known
        return self._state_of.get(value, layout.MIXED)

    def _states(self) -> Array:
        """What is known of all chunks: nothing, if this process has written to the array since."""
        now = _written[self._folder]
        if self._written != now:
            self._known = np.zeros(self._grid, np.uint8)  # and not set to 0: a read may be under way
            self._written = now
        return self._known

    def _numbers(self, box: Box, states: Array) -> list[int]:
        """The numbers of the chunks of a box; -1 of those that are known to hold one value."""
        touched = self._touched(box)
        axes = zip(touched, self._steps, strict=True)
        numbers = functools.reduce(np.add.outer, (np.arange(p.start, p.stop) * step for p, step in axes))
        listed: list[int] = np.where(states[touched] < layout.FIRST, numbers, -1).reshape(-1).tolist()
        return listed

    def _touched(self, box: Box) -> tuple[slice, ...]:
        """Which chunks hold a voxel of a box that is not empty, along each axis."""
        return tuple(slice(p.start // n, -(-p.stop // n)) for p, n in zip(box, self._chunks, strict=True))

    def _is_absent(self, box: Box, k: int, states: Array) -> bool:
        """Whether the k-th chunk of a box has no file: then it is known to hold the fill value."""
        touched = self._touched(box)
        within = np.unravel_index(k, [part.stop - part.start for part in touched])
        at = tuple(int(part.start + place) for part, place in zip(touched, within, strict=True))
        try:
            os.stat(self._prefix + os.fsencode(self._separator.join(map(str, at))))
        except FileNotFoundError:
            states[at] = layout.FIRST
            return True
        except OSError:
            pass
        return False


def forget(folder: str) -> None:
    """Forget what is known of the array in a folder: this process has written to it, or removed it."""
    folder = os.path.realpath(folder)
    with _lock:
        _written[folder] += 1
    kept_chunks.drop(folder)


def times_written(folder: str) -> int:
    """How often this process wrote to the array in a folder, given by its real path."""
    return _written[folder]


@functools.lru_cache
def _like(dtype: np.dtype[Any]) -> Array:
    return np.empty(0, dtype)
