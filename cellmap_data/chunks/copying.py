"""Copies of blocks into memory whose fastest axis is another than theirs, as transpositions ask for.

Written voxel by voxel, such a copy takes one line of the processor's cache after the other for a single byte
of each. Compiled loops turn eight times eight bytes at a time instead.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.chunks import layout

Array: TypeAlias = npt.NDArray[Any]


def against_the_grain(out: Array) -> bool:
    """Whether a copy in C order into ``out`` does not follow its fastest axis."""
    if out.ndim > layout.NDIM or out.itemsize > 8 or any(s % out.itemsize for s in out.strides):
        return False
    long = [axis for axis, n in enumerate(out.shape) if n > 1]
    fastest = min(((abs(out.strides[axis]), -axis) for axis in long), default=(0, 0))
    return bool(long) and -fastest[1] != long[-1]


def copy_block(block: Array, out: Array) -> None:
    """Copy a block into memory of its shape and dtype, of any strides.

    Parameters
    ----------
    block : ndarray
        In C order; of at most five axes.
    out : ndarray
        Where to.
    """
    from cellmap_data.chunks import kernels

    if out.size:
        word = layout.word_of(block.dtype)
        target = out.view(word)
        kernels.copy_block(
            block.view(word).reshape(-1), np.empty(0, word), layout.told([0] * out.ndim, target)
        )
