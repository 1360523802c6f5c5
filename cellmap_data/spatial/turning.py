"""Copies of a patch whose fastest axis becomes another one, as transpositions ask for.

Written voxel by voxel, such a copy takes one cache line after the other for a single byte of each, and where
axes are of 64 or 128 voxels those lines even displace one another. So the patch is first read as it is
stored, into memory whose lines are set a little apart, and then turned.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from cellmap_data.spatial.plans import Array

_LINE = 64  # bytes that a processor fetches at a time
_WORD = 8


def against_the_grain(out: Array) -> bool:
    """Whether a copy in C order into ``out`` does not follow its fastest axis."""
    long = [axis for axis, n in enumerate(out.shape) if n > 1]
    return bool(long) and _fastest(out) != long[-1]


class Turn:
    """Memory to read a block into, in C order, from where it is copied into memory of any strides.

    Parameters
    ----------
    shape : tuple of int
        Of the block; at most three axes are longer than 1.
    dtype : numpy.dtype
        Of its values.

    Attributes
    ----------
    block : ndarray
        The memory to read into.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        sides = [n for n in shape if n > 1]
        nz, ny, nx = (1,) * (3 - len(sides)) + tuple(sides)
        line = -(-nx * dtype.itemsize // _LINE) * _LINE + _LINE
        self._bytes = np.empty((nz, ny + 1, line), np.uint8)
        self._values = self._bytes[:, :ny, : nx * dtype.itemsize].view(dtype)
        self.block = self._values.reshape(shape)  # axes of one voxel need no copy

    def into(self, out: Array) -> None:
        """Copy the block into ``out``, of its shape, cast to its dtype."""
        target = out.reshape(self._values.shape)
        fast = _fastest(target)
        if self._values.dtype.itemsize == 1 and fast < 2 and sys.byteorder == "little":
            self._turn_bytes(target, fast)
        else:
            target[...] = self._values

    def _turn_bytes(self, out: Array, fast: int) -> None:
        from cellmap_data.spatial import turning_kernels

        order = 1 - fast, 2, fast  # so that the last two axes are those that change places
        backwards = slice(None, None, -1 if out.strides[fast] < 0 else 1)
        target = out.transpose(order)[..., backwards]
        ni, nj, nk = target.shape
        columns, rows = (-(-n // _WORD) for n in (nk, nj))
        words = self._bytes.view(np.uint64)[:, : self._values.shape[1], :rows]
        turned = np.empty((ni, rows * _WORD, columns), np.uint64)
        turning_kernels.turn(words.transpose(order)[..., backwards], turned)
        target[...] = turned.view(self._values.dtype)[:, :nj, :nk]


def _fastest(out: Array) -> int:
    """The axis along which neighbours are closest in memory."""
    strides = [(abs(stride), -axis) for axis, stride in enumerate(out.strides) if out.shape[axis] > 1]
    return -min(strides, default=(0, 0))[1]
