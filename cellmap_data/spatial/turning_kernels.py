"""The compiled loop that turns bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellmap_data.spatial.kernels import Array, compiled


@compiled
def turn(words: Array, out: Array) -> None:
    """Exchange the last two axes of bytes that are held in words of eight, little end first.

    Byte ``b`` of ``words[i, j, k]`` becomes byte ``k % 8`` of ``out[i, 8 j + b, k // 8]``. Eight words at a
    time change places as an 8 x 8 matrix of bytes: first bytes, then pairs, then fours (Warren, Hacker's
    Delight, 7-3). What lies behind the end of the last axis is filled with its last word.
    """
    last = words.shape[2] - 1
    for i in range(words.shape[0]):
        for j in range(words.shape[1]):
            for k in range(out.shape[2]):
                a = words[i, j, 8 * k]
                b = words[i, j, min(8 * k + 1, last)]
                c = words[i, j, min(8 * k + 2, last)]
                d = words[i, j, min(8 * k + 3, last)]
                e = words[i, j, min(8 * k + 4, last)]
                f = words[i, j, min(8 * k + 5, last)]
                g = words[i, j, min(8 * k + 6, last)]
                h = words[i, j, min(8 * k + 7, last)]
                a, b = _exchange(a, b, np.uint64(8), np.uint64(0x00FF00FF00FF00FF))
                c, d = _exchange(c, d, np.uint64(8), np.uint64(0x00FF00FF00FF00FF))
                e, f = _exchange(e, f, np.uint64(8), np.uint64(0x00FF00FF00FF00FF))
                g, h = _exchange(g, h, np.uint64(8), np.uint64(0x00FF00FF00FF00FF))
                a, c = _exchange(a, c, np.uint64(16), np.uint64(0x0000FFFF0000FFFF))
                b, d = _exchange(b, d, np.uint64(16), np.uint64(0x0000FFFF0000FFFF))
                e, g = _exchange(e, g, np.uint64(16), np.uint64(0x0000FFFF0000FFFF))
                f, h = _exchange(f, h, np.uint64(16), np.uint64(0x0000FFFF0000FFFF))
                a, e = _exchange(a, e, np.uint64(32), np.uint64(0x00000000FFFFFFFF))
                b, f = _exchange(b, f, np.uint64(32), np.uint64(0x00000000FFFFFFFF))
                c, g = _exchange(c, g, np.uint64(32), np.uint64(0x00000000FFFFFFFF))
                d, h = _exchange(d, h, np.uint64(32), np.uint64(0x00000000FFFFFFFF))
                out[i, 8 * j, k], out[i, 8 * j + 1, k] = a, b
                out[i, 8 * j + 2, k], out[i, 8 * j + 3, k] = c, d
                out[i, 8 * j + 4, k], out[i, 8 * j + 5, k] = e, f
                out[i, 8 * j + 6, k], out[i, 8 * j + 7, k] = g, h


@compiled
def _exchange(low: Any, high: Any, shift: Any, mask: Any) -> tuple[Any, Any]:
    """Exchange the upper parts of one word with the lower parts of another."""
    moved = ((low >> shift) ^ high) & mask
    return low ^ (moved << shift), high ^ moved
