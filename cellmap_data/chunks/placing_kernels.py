"""The compiled loops that write what is wanted of a chunk to memory of any strides.

Axes are taken in the order of the strides of that memory, the one whose neighbours lie closest together last:
so its lines are written one after the other. Axes that run backwards there are read backwards.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.chunks.addresses import load, store
from cellmap_data.chunks.layout import CHUNK, LO, NDIM, SIDES, STRIDES
from cellmap_data.compiling import compiled

Array = npt.NDArray[Any]

_LAST = NDIM - 1
_WORD = 8
_LITTLE = sys.byteorder == "little"


@compiled
def by_stride(job: Array, order: Array) -> int:
    """Put the axes of a box into the order of their strides; gives the number of elements they span."""
    extent = 1
    for axis in range(NDIM):
        extent += (job[SIDES + axis] - 1) * abs(job[STRIDES + axis])
        place = axis
        while place > 0 and _span(job, order[place - 1]) < _span(job, axis):
            order[place] = order[place - 1]
            place -= 1
        order[place] = axis
    return extent


@compiled
def _span(job: Array, axis: int) -> int:
    """The stride of an axis; that of an axis of one voxel counts as very long."""
    return abs(int(job[STRIDES + axis])) if job[SIDES + axis] > 1 else 1 << 62


@compiled
def _target(job: Array, low: Array, high: Array, n: Array, d: Array) -> int:
    """Where in memory the part of a box from ``low`` to ``high`` begins, with its sides and strides >= 0."""
    begin = 0
    for axis in range(NDIM):
        n[axis] = high[axis] - low[axis]
        stride = job[STRIDES + axis]
        d[axis] = abs(stride)
        before = low[axis] - job[LO + axis]
        if stride < 0:
            before = job[LO + axis] + job[SIDES + axis] - high[axis]
        begin += before * d[axis]
    return begin


@compiled
def fill(out: Array, value: Any, job: Array, order: Array, low: Array, high: Array) -> None:
    """Write one value to the part of a box from ``low`` to ``high``."""
    n, d = np.empty(NDIM, np.int64), np.empty(NDIM, np.int64)
    begin = _target(job, low, high, n, d)
    a, b, c, r, e = order[0], order[1], order[2], order[3], order[4]
    one = out.dtype.type(value)
    for i in range(n[a]):
        for j in range(n[b]):
            for k in range(n[c]):
                plane = begin + i * d[a] + j * d[b] + k * d[c]
                for row in range(n[r]):
                    start = plane + row * d[r]
                    if d[e] == 1:
                        for x in range(start, start + n[e]):
                            out[np.uintp(x)] = one
                    else:
                        for x in range(n[e]):
                            out[np.uintp(start + x * d[e])] = one


@compiled
def place(
    chunk: Array, out: Array, at: Array, layout: Array, job: Array, order: Array, low: Array, high: Array
) -> None:
    """Write the part of a chunk from ``low`` to ``high`` to its place."""
    n, d, s = np.empty(NDIM, np.int64), np.empty(NDIM, np.int64), np.empty(NDIM, np.int64)
    to = _target(job, low, high, n, d)
    begin, step = 0, 1
    for axis in range(_LAST, -1, -1):
        s[axis] = step
        begin += (low[axis] - at[axis] * layout[CHUNK + axis]) * step
        step *= layout[CHUNK + axis]
        if job[STRIDES + axis] < 0:
            begin += (n[axis] - 1) * s[axis]
            s[axis] = -s[axis]
    e = order[4]
    turned = e != _LAST and n[_LAST] > 1
    r = _LAST if turned else order[3]
    if turned and s[r] < 0:  # of a plane that is turned the rows may be written backwards
        begin += (n[r] - 1) * s[r]
        to += (n[r] - 1) * d[r]
        s[r], d[r] = -s[r], -d[r]
    outer = np.zeros(3, np.int64)
    kept = 0
    for axis in order:
        if axis != e and axis != r:
            outer[kept] = axis
            kept += 1
    a, b, c = outer[0], outer[1], outer[2]
    bytewise = _LITTLE and turned and chunk.itemsize == 1 and d[e] == 1
    for i in range(n[a]):
        for j in range(n[b]):
            for k in range(n[c]):
                source = begin + i * s[a] + j * s[b] + k * s[c]
                target = to + i * d[a] + j * d[b] + k * d[c]
                if bytewise:
                    _turn(chunk, source, s[e], n[r], out, target, d[r], n[e])
                else:
                    _plane(chunk, source, s[r], s[e], out, target, d[r], d[e], n[r], n[e])


@compiled
def _plane(
    chunk: Array, source: int, sr: int, se: int, out: Array, target: int, dr: int, de: int, rows: int, n: int
) -> None:
    """Write ``rows`` rows of ``n`` elements, one after the other."""
    for row in range(rows):
        start, to = source + row * sr, target + row * dr
        if se == 1 and de == 1:
            for x in range(n):
                out[np.uintp(to + x)] = chunk[np.uintp(start + x)]
        elif de == 1:
            for x in range(n):
                out[np.uintp(to + x)] = chunk[np.uintp(start + x * se)]
        else:
            for x in range(n):
                out[np.uintp(to + x * de)] = chunk[np.uintp(start + x * se)]


@compiled
def _turn(chunk: Array, source: int, se: int, rows: int, out: Array, target: int, dr: int, n: int) -> None:
    """Write a plane of bytes whose rows are the columns of the chunk, eight times eight at a time."""
    whole_rows, whole = rows - rows % _WORD, n - n % _WORD
    base, to = chunk.ctypes.data + source, out.ctypes.data + target
    square = np.empty(_WORD * _WORD, chunk.dtype)
    for row in range(0, whole_rows, _WORD):
        for x in range(0, whole, _WORD):
            if out.itemsize == 1:
                _turn_eight(base + row + x * se, se, to + row * dr + x, dr)
                continue
            _turn_eight(base + row + x * se, se, square.ctypes.data, _WORD)
            for i in range(_WORD):
                for j in range(_WORD):
                    out[np.uintp(target + (row + i) * dr + x + j)] = square[_WORD * i + j]
    for row in range(rows):
        for x in range(whole if row < whole_rows else 0, n):
            out[np.uintp(target + row * dr + x)] = chunk[np.uintp(source + row + x * se)]


@compiled
def _turn_eight(source: int, se: int, target: int, dr: int) -> None:
    """Exchange the axes of 8 x 8 bytes: bytes, then pairs, then fours (Warren, Hacker's Delight, 7-3)."""
    a, b = load(source), load(source + se)
    c, d = load(source + 2 * se), load(source + 3 * se)
    e, f = load(source + 4 * se), load(source + 5 * se)
    g, h = load(source + 6 * se), load(source + 7 * se)
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
    store(target, a)
    store(target + dr, b)
    store(target + 2 * dr, c)
    store(target + 3 * dr, d)
    store(target + 4 * dr, e)
    store(target + 5 * dr, f)
    store(target + 6 * dr, g)
    store(target + 7 * dr, h)


@compiled
def _exchange(low: Any, high: Any, shift: Any, mask: Any) -> tuple[Any, Any]:
    """Exchange the upper parts of one word with the lower parts of another."""
    moved = ((low >> shift) ^ high) & mask
    return low ^ (moved << shift), high ^ moved
