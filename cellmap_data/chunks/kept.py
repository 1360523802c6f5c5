"""Unpacked chunks that are kept because they may be wanted again."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.chunks.meter import meter

Block: TypeAlias = npt.NDArray[Any]
Kind: TypeAlias = tuple[Any, ...]
Age: TypeAlias = tuple[int, int]


class KeptChunks:
    """The chunks wanted last, of all arrays of a process, in a number of bytes that can be changed.

    Arrays are known by their path, so readers of the same array share its chunks. Those of an array are
    dropped with its last reader.
    """

    def __init__(self) -> None:
        self._limit = self._nbytes = 0
        self._blocks: OrderedDict[tuple[str, Kind, int], Block] = OrderedDict()
        self._drops: Counter[str] = Counter()
        self._clears = 0
        self._readers: Counter[str] = Counter()
        self._lock = threading.RLock()  # a reader may be collected, and so leave, while this thread holds it

    @property
    def limit(self) -> int:
        """The most bytes that are kept; 0 for none."""
        return self._limit

    @limit.setter
    def limit(self, nbytes: int) -> None:
        with self._lock:
            self._limit = nbytes
            self._trim()

    def enter(self, path: str) -> None:
        """Take note of a reader of an array."""
        with self._lock:
            self._readers[path] += 1

    def leave(self, path: str) -> None:
        """Take note that a reader of an array is gone."""
        with self._lock:
            self._readers[path] -= 1
            if self._readers[path] <= 0:
                del self._readers[path]
                self.drop(path)

    def drop(self, path: str) -> None:
        """Keep nothing of an array that was kept before."""
        with self._lock:
            self._drops[path] += 1
            for key in [key for key in self._blocks if key[0] == path]:
                self._nbytes -= self._blocks.pop(key).nbytes

    def clear(self) -> None:
        """Keep nothing that was kept before."""
        with self._lock:
            self._clears += 1
            self._blocks.clear()
            self._nbytes = 0

    def find(self, path: str, kind: Kind, numbers: Sequence[int]) -> tuple[list[Block | None], Age]:
        """The chunks of an array that have these numbers, None for those not kept; and when that was.

        ``kind`` tells arrays apart that were at the same path one after the other: dtype, chunks and grid.
        """
        with self._lock:
            found = [self._blocks.get((path, kind, number)) for number in numbers]
            for number, block in zip(numbers, found, strict=True):
                if block is not None:
                    self._blocks.move_to_end((path, kind, number))
            return found, (self._drops[path], self._clears)

    def keep(self, path: str, kind: Kind, age: Age, blocks: Sequence[tuple[int, Block]]) -> None:
        """Keep chunks, unless any of the array were dropped since they were looked for.

        Those that were not wanted for the longest time go if it is too much.
        """
        with self._lock:
            if age != (self._drops[path], self._clears):
                return
            for number, block in blocks:
                before = self._blocks.pop((path, kind, number), None)
                self._nbytes += block.nbytes - (0 if before is None else before.nbytes)
                self._blocks[path, kind, number] = block
            self._trim()

    def _trim(self) -> None:
        evicted = 0
        while self._nbytes > self._limit:
            self._nbytes -= self._blocks.popitem(last=False)[1].nbytes
            evicted += 1
        if evicted:
            meter.add(evicted=evicted)


kept_chunks = KeptChunks()
"""Those of this process."""


@dataclass(frozen=True, slots=True)
class Held:
    """The chunks of a box that are kept, or will be, as compiled loops are told.

    Attributes
    ----------
    addresses : ndarray
        Of each chunk of the box where it is, or goes; 0 for one that is not kept. Empty if none is.
    ready : ndarray
        Which of them are there.
    """

    path: str
    kind: Kind
    age: Age
    numbers: Sequence[int]
    blocks: Sequence[Block | None]
    addresses: Block
    ready: Block

    @classmethod
    def of(cls, path: str, kind: Kind, numbers: Sequence[int], dtype: np.dtype[Any], size: int) -> Held:
        """Find the chunks of an array, and take memory for those that are not kept, as far as it goes.

        Parameters
        ----------
        path, kind
            Of the array, see :meth:`KeptChunks.find`.
        numbers : sequence of int
            Of the chunks; those that are of no interest are -1. Empty for no chunk at all.
        dtype, size
            Of a chunk: its values, and how many.
        """
        room = kept_chunks.limit // (size * dtype.itemsize)
        if not (room and numbers):
            return _NONE
        blocks, age = kept_chunks.find(path, kind, numbers)
        ready = np.array([block is not None for block in blocks], np.uint8)
        for k, number in enumerate(numbers):
            if blocks[k] is None and number >= 0 and room > 0:
                blocks[k] = np.empty(size, dtype)
                room -= 1
        addresses = [0 if block is None else block.ctypes.data for block in blocks]
        hits, wanted = int(ready.sum()), sum(number >= 0 for number in numbers)
        meter.add(hits=hits, misses=wanted - hits)
        return cls(path, kind, age, numbers, blocks, np.array(addresses, np.int64), ready)

    def keep(self) -> None:
        """Keep what has come."""
        came = zip(self.numbers, self.blocks, self.ready.tolist(), strict=True)
        there = [(n, b) for n, b, ready in came if ready and b is not None]
        kept_chunks.keep(self.path, self.kind, self.age, there)


_NONE = Held("", (), (0, 0), (), (), np.empty(0, np.int64), np.empty(0, np.uint8))
