"""Memory for windows, used again: fresh pages cost more than what is written into them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Scratch:
    """Gives out arrays, and takes them back; used by one thread."""

    def __init__(self) -> None:
        self._free: list[Array] = []

    def take(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> tuple[Array, Array]:
        """An array that holds anything, and what to give back when it is not needed any more."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        self._free.sort(key=len)
        large = next((i for i, block in enumerate(self._free) if len(block) >= size), None)
        if large is not None:
            block = self._free.pop(large)
        else:
            if self._free:
                self._free.pop()  # too small for now: let go of it rather than hold both
            block = np.empty(size, np.uint8)
        return block[:size].view(dtype).reshape(shape), block

    def give_back(self, blocks: Iterable[Array]) -> None:
        """Let blocks be given out again."""
        self._free += blocks
