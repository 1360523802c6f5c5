"""What a thread that reads chunks works in."""

from __future__ import annotations

import threading
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

_NEWS = 1024  # chunks found to hold one value by one call; the others are found by the next
_KEPT = 16 << 20  # bytes of a chunk, or of a file, up to which the memory is kept for the next


class Workspace(threading.local):
    """Memory for a chunk and for its file, that of each thread its own; it grows to what is wanted.

    Attributes
    ----------
    packed : ndarray
        Bytes, for a file.
    unpacker : int
        The address of libzstd's tables.
    news : ndarray
        For the numbers of chunks that are found to hold one value.
    """

    def __init__(self) -> None:
        self._chunk, self.packed = np.empty(0, np.uint8), np.empty(1 << 16, np.uint8)
        self.news, self._values = np.empty(_NEWS, np.int64), np.empty(_NEWS, np.uint64)
        from cellmap_data.chunks.codecs import Unpacker

        self._unpacker = Unpacker()  # which lives as long as its memory is in use
        self.unpacker = self._unpacker.address

    def chunk(self, dtype: np.dtype[Any], size: int) -> Array:
        """Memory for a chunk of so many values; what it held before is lost."""
        nbytes = size * dtype.itemsize
        memory = self._chunk if nbytes <= self._chunk.size else np.empty(nbytes, np.uint8)
        if nbytes <= _KEPT:
            self._chunk = memory
        return memory[:nbytes].view(dtype)

    def news_values(self, dtype: np.dtype[Any]) -> Array:
        """Memory for the values of the chunks in ``news``."""
        return self._values.view(dtype)[:_NEWS]

    def make_room(self, nbytes: int) -> None:
        """Make ``packed`` hold a file of this size."""
        self.packed = np.empty(nbytes + nbytes // 4, np.uint8)

    def tidy(self) -> None:
        """Let go of memory that is too large to be kept."""
        if self.packed.size > _KEPT:
            self.packed = np.empty(1 << 16, np.uint8)


workspace = Workspace()
"""That of the thread that asks."""
