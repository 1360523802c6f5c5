"""The compiled loop that brings chunks from files to where they are wanted.

One call reads a whole box of an array: of each chunk that it touches the file is opened, read and unpacked,
and what is wanted of it written to its place, cast, flipped and turned on the way, while the cache of the
processor still holds it. Of a zstd chunk no more is unpacked than reaches to the last voxel wanted. What this
does, slowly and without doubt, is ``out[...] = stored[box]``; that is what tests compare it to.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba.core import types

from cellmap_data.chunks.addresses import pointer
from cellmap_data.chunks.layout import (
    ADDRESS,
    AXES,
    BEGIN,
    CHUNK,
    COMMON,
    DONE,
    FILLED,
    FIRST,
    GRID,
    LO,
    MIXED,
    NDIM,
    NEEDED,
    NEWS,
    PREFIX,
    SEPARATOR,
    SIDES,
    SMALL,
    UNSEEN,
)
from cellmap_data.chunks.placing_kernels import by_stride, fill, place
from cellmap_data.chunks.unpacking_kernels import unpack
from cellmap_data.compiling import compiled

Array = npt.NDArray[Any]

_array: Any = numba.carray  # type: ignore[attr-defined]


@compiled
def read_box(
    array: Array,
    path: Array,
    states: Array,
    values: Array,
    box: Array,
    like: Array,
    held: Array,
    ready: Array,
    scratch: Array,
    packed: Array,
    unpacker: int,
    news: Array,
    news_values: Array,
    tally: Array,
) -> int:
    """Read a box, from the chunk ``box[BEGIN]`` on; what stopped it is returned, and where in ``box[BEGIN]``.

    Parameters
    ----------
    array, box
        As :mod:`cellmap_data.chunks.layout` says.
    path
        Bytes: that of the array, then room for the numbers of a chunk.
    states, values
        Of each chunk what is known of it, and which value the states from FIRST on stand for.
    like
        An array of the dtype of the memory to write to.
    held, ready
        Of each chunk of the box where it is to be kept, 0 for nowhere, and whether it is there already. Both
        empty: none is kept.
    scratch, packed
        Memory for one chunk, in the dtype that it is stored in, and for a file.
    unpacker
        Address of libzstd's memory.
    news, news_values
        Memory for chunks that turn out to hold one value, and which.
    tally
        Is added to.
    """
    first, count, order = np.empty(NDIM, np.int64), np.empty(NDIM, np.int64), np.empty(NDIM, np.int64)
    at, low, high = np.empty(NDIM, np.int64), np.empty(NDIM, np.int64), np.empty(NDIM, np.int64)
    total = 1
    for axis in range(NDIM):
        first[axis] = box[LO + axis] // array[CHUNK + axis]
        last = (box[LO + axis] + box[SIDES + axis] - 1) // array[CHUNK + axis]
        count[axis] = last - first[axis] + 1
        total *= count[axis]
        low[axis], high[axis] = box[LO + axis], box[LO + axis] + box[SIDES + axis]
    extent = by_stride(box, order)
    out = _array(pointer(box[ADDRESS]), (extent,), like.dtype)
    if box[BEGIN] == 0:
        box[COMMON] = _most(states, array, first, count, total, at)
        if box[COMMON] >= FIRST:
            fill(out, values[box[COMMON] - FIRST], box, order, low, high)
    for k in range(box[BEGIN], total):
        flat = _chunk(array, first, count, k, at)
        state = states[flat]
        if state >= FIRST:
            tally[FILLED] += 1
            if state == box[COMMON]:
                continue
        reach = _part(array, box, at, low, high)
        if state >= FIRST:
            fill(out, values[state - FIRST], box, order, low, high)
            continue
        if held.size > 0 and held[k] != 0:
            chunk = _array(pointer(held[k]), (scratch.size,), scratch.dtype)
            wanted, known = scratch.size, ready[k] != 0
        else:
            chunk, wanted, known = scratch, reach, False
        if not known:
            _name(path, array, at)
            ended = unpack(path, array, chunk, wanted, packed, unpacker, tally)
            if ended != DONE:
                box[BEGIN] = k
                return ended
            if held.size > 0 and held[k] != 0:
                ready[k] = 1
            if state == UNSEEN:
                _learn(chunk, flat, tally[NEEDED] <= array[SMALL], states, news, news_values, tally)
        place(chunk, out, at, array, box, order, low, high)
    return DONE


def prepare(stored: np.dtype[Any], wanted: np.dtype[Any]) -> None:
    """Compile, or load, :func:`read_box` for chunks and memory of these dtypes."""
    row, raw, chunk, like = (
        types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C") for dtype in ("i8", "u1", stored, wanted)
    )
    asked: Any = read_box
    asked.compile((row, raw, raw, chunk, row, like, row, raw, chunk, raw, types.int64, row, chunk, row))


@compiled
def copy_block(block: Array, like: Array, box: Array) -> None:
    """Copy a block as a whole; ``like`` has the dtype of the memory to write to."""
    order, zero = np.empty(NDIM, np.int64), np.zeros(NDIM, np.int64)
    out = _array(pointer(box[ADDRESS]), (by_stride(box, order),), like.dtype)
    sides = box[SIDES : SIDES + NDIM]
    place(block, out, zero, sides, box, order, zero, sides)


@compiled
def _chunk(array: Array, first: Array, count: Array, k: int, at: Array) -> int:
    """The place of the k-th chunk of a box, and its number in the array."""
    rest, flat, size = k, 0, 1
    for axis in range(NDIM - 1, -1, -1):
        at[axis] = first[axis] + rest % count[axis]
        rest //= count[axis]
        flat += at[axis] * size
        size *= array[GRID + axis]
    return flat


@compiled
def _part(array: Array, box: Array, at: Array, low: Array, high: Array) -> int:
    """The part of a box that lies in a chunk; and how many of its values reach to the last of them."""
    reach = 1
    for axis in range(NDIM):
        begin = at[axis] * array[CHUNK + axis]
        low[axis] = max(begin, box[LO + axis])
        high[axis] = min(begin + array[CHUNK + axis], box[LO + axis] + box[SIDES + axis])
        reach = (reach - 1) * array[CHUNK + axis] + high[axis] - begin
    return reach


@compiled
def _learn(
    chunk: Array, flat: int, is_small: bool, states: Array, news: Array, news_values: Array, tally: Array
) -> None:
    """Take note of a chunk that was unpacked for the first time: whether it holds one value, and which."""
    if not is_small or not _same(chunk):
        states[flat] = MIXED
    elif tally[NEWS] < news.size:
        news[tally[NEWS]], news_values[tally[NEWS]] = flat, chunk[0]
        tally[NEWS] += 1


@compiled
def _most(states: Array, array: Array, first: Array, count: Array, total: int, at: Array) -> int:
    """The state of at least half of the chunks of a box, if that means one value; else UNSEEN."""
    candidate, votes, found = 0, 0, 0  # Boyer and Moore's majority vote, then a count
    for k in range(total):
        state = int(states[_chunk(array, first, count, k, at)])
        if state < FIRST:
            continue
        if votes == 0:
            candidate = state
        votes += 1 if state == candidate else -1
    for k in range(total):
        found += states[_chunk(array, first, count, k, at)] == candidate
    return candidate if candidate >= FIRST and 2 * found >= total else UNSEEN


@compiled
def _name(path: Array, array: Array, at: Array) -> None:
    """Write the name of a chunk behind the path of its array."""
    end = array[PREFIX]
    for axis in range(NDIM - array[AXES], NDIM):
        if axis > NDIM - array[AXES]:
            path[end] = array[SEPARATOR]
            end += 1
        digits, rest = 1, at[axis]
        while rest >= 10:
            rest //= 10
            digits += 1
        rest = at[axis]
        for digit in range(digits - 1, -1, -1):
            path[end + digit] = 48 + rest % 10
            rest //= 10
        end += digits
    path[end] = 0


@compiled
def _same(chunk: Array) -> bool:
    """Whether all elements are equal; in blocks, so that the compiler may compare many at once."""
    value, step = chunk[0], 4096
    for begin in range(0, chunk.size, step):
        different = 0
        for k in range(begin, min(begin + step, chunk.size)):
            different |= chunk[k] ^ value
        if different != 0:
            return False
    return True
