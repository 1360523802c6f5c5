"""Laying the arrays of one batch out in a slot."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.buffers.memory import Bytes

Allocate = Callable[[str, tuple[int, ...], "np.dtype[Any]"], npt.NDArray[Any]]
"""Gives the memory of one array of a batch: its name, its shape with the batch first, its dtype."""

_ALIGN = 64  # a cache line; also what vectorised loads want


def fresh(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:  # noqa: ARG001
    """Allocate for those who bring no memory of their own."""
    return np.empty(shape, dtype)


class Arena:
    """Hands out parts of a slot one after the other, and fresh memory for what does not fit.

    Parameters
    ----------
    root
        The slot's bytes, shape ``(nbytes,)``; None means that all memory is fresh.

    Attributes
    ----------
    needed
        Bytes asked for so far: what a slot would have to hold.
    outside
        Arrays that found no room although there is a slot.
    """

    def __init__(self, root: Bytes | None = None) -> None:
        self._root = root
        self._used = 0
        self._elsewhere: set[int] = set()
        self.needed = 0
        self.outside = 0

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An uninitialised C-contiguous array."""
        dtype = np.dtype(dtype)
        nbytes = math.prod(shape) * dtype.itemsize
        room = -(-nbytes // _ALIGN) * _ALIGN
        self.needed += room
        start = self._used
        if self._root is None or start + nbytes > self._root.size:
            array = np.empty(shape, dtype)
            self._elsewhere.add(_address(array))
            self.outside += self._root is not None
            return array
        self._used += room
        return self._root[start : start + nbytes].view(dtype).reshape(shape)

    def found_no_room(self, array: npt.NDArray[Any]) -> bool:
        """Whether an array was allocated here, but not in the slot."""
        return _address(array) in self._elsewhere

    def offset_of(self, array: npt.NDArray[Any]) -> int | None:
        """Where in the slot a C-contiguous array lies; None when it lies elsewhere."""
        if self._root is None or not array.flags.c_contiguous or not array.nbytes:
            return None
        offset = _address(array) - _address(self._root)
        return offset if 0 <= offset <= self._root.size - array.nbytes else None


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class BatchMemory:
    """The arrays that the samples of one batch are read into, a row for each sample.

    Several threads may fill different rows at the same time.

    Parameters
    ----------
    size
        The number of samples.
    arena
        Where the memory comes from.

    Attributes
    ----------
    arrays
        Name -> array of shape ``(size, ...)`` that samples are read into.
    laid
        The same for what plugins and transforms made anew.
    tensors
        Name -> all of an array, as the tensor that the batch will hold if every sample is in its row.
    finished
        Row -> the sample as it left the last plugin.
    """

    def __init__(self, size: int, arena: Arena) -> None:
        self.size = size
        self.arena = arena
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.laid: dict[str, npt.NDArray[Any]] = {}
        self.tensors: dict[str, Any] = {}
        self.finished: dict[int, Any] = {}
        self._claimed: set[int] = set()
        self._taken: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    def claim(self, first: int, count: int) -> Allocate:
        """An allocator for ``count`` consecutive samples, the first of which is row ``first``.

        Rows are given once: whoever comes second, while the first may still be writing, gets fresh memory.
        """
        rows = set(range(first, first + count))
        with self._lock:
            if rows & self._claimed:
                return fresh
            self._claimed |= rows
        return self._rows(first)

    def address(self, name: str, row: int) -> int | None:
        """Where in memory the row of an array begins that samples are read into; None if there is none."""
        array = self.arrays.get(name)
        return None if array is None else _address(array) + row * array.strides[0]

    def lay(self, name: str, row: int, values: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Copy one sample's array to its row, and return that.

        None if another sample's differs in shape or dtype, or if the row was given away before: something may
        look at it. For that reason it is never one that was read into.
        """
        with self._lock:
            if (name, row) in self._taken:
                return None
            self._taken.add((name, row))
            array = self.laid.get(name)
            if array is None:
                array = self.laid[name] = self.arena.allocate((self.size, *values.shape), values.dtype)
        place = array[row, ...]
        if place.shape != values.shape or place.dtype != values.dtype:
            return None
        place[...] = values
        return place

    def _rows(self, first: int) -> Allocate:

        def allocate(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
            with self._lock:
                array = self.arrays.get(name)
                if array is None:
                    array = self.arena.allocate((self.size, *shape[1:]), dtype)
                    self.arrays[name] = array
            part = array[first : first + shape[0]]
            return part if part.shape == shape and part.dtype == dtype else np.empty(shape, dtype)

        return allocate
