"""The compiled loops that read a chunk from its file and unpack it, by functions of C libraries."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
from numba.core import types

from cellmap_data.chunks.codecs import PLACES, PREFIX
from cellmap_data.chunks.layout import (
    ABSENT,
    BYTES,
    CODEC,
    DONE,
    FAILED,
    NEEDED,
    OPEN_FLAGS,
    SMALL,
    TOO_LARGE,
    UNPACKED,
    Codec,
)
from cellmap_data.compiling import compiled

Array = npt.NDArray[Any]

_STORED, _ZSTD = int(Codec.NONE), int(Codec.ZSTD)
_END = 2  # of a file, to lseek
_ROOM = 1 << 16  # bytes that the file of a very small chunk may take
_I, _N = types.int32, types.intp


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A C function for compiled loops, which find it by its name."""
    llvm.add_symbol(PREFIX + name, PLACES[name])  # type: ignore[no-untyped-call]
    return types.ExternalFunction(PREFIX + name, result(*arguments))


_open = _function("open", _I, _N, _I)
_lseek = _function("lseek", types.int64, _I, types.int64, _I)
_pread = _function("pread", _N, _I, _N, _N, types.int64)
_close = _function("close", _I, _I)
_zstd = _function("ZSTD_decompressDCtx", _N, _N, _N, _N, _N, _N)
_zstd_begin = _function("ZSTD_decompressBegin", _N, _N)
_zstd_next = _function("ZSTD_nextSrcSizeToDecompress", _N, _N)
_zstd_continue = _function("ZSTD_decompressContinue", _N, _N, _N, _N, _N, _N)
_blosc_check = _function("blosc_cbuffer_validate", _I, _N, _N, _N)
_blosc = _function("blosc_decompress_ctx", _I, _N, _N, _N, _I)


@compiled
def unpack(
    path: Array, array: Array, chunk: Array, wanted: int, packed: Array, unpacker: int, tally: Array
) -> int:
    """Read a chunk from its file, at least its first ``wanted`` elements; the file's size is noted."""
    file = _open(path.ctypes.data, array[OPEN_FLAGS])
    if file < 0:
        return ABSENT
    size = _lseek(file, 0, _END)
    tally[NEEDED] = size
    packed_here = array[CODEC] != _STORED
    need, nbytes, target = wanted * chunk.itemsize, chunk.size * chunk.itemsize, chunk.ctypes.data
    if packed_here and size > packed.size:
        _close(file)
        return TOO_LARGE if size <= 2 * nbytes + _ROOM else FAILED
    read = _pread(file, packed.ctypes.data if packed_here else target, size if packed_here else need, 0)
    _close(file)
    if size <= array[SMALL]:
        need = nbytes  # to see whether it holds one value
    if not packed_here:
        done = need if read == need and size == nbytes else 0
    elif read != size:
        done = 0
    elif array[CODEC] == _ZSTD:
        done = _unpack_zstd(packed.ctypes.data, size, target, nbytes, need, unpacker)
    else:
        done = _unpack_blosc(packed, size, target, nbytes)
    if done < need:
        return FAILED
    tally[BYTES] += read
    tally[UNPACKED] += done
    return DONE


@compiled
def _unpack_zstd(source: int, size: int, target: int, nbytes: int, need: int, unpacker: int) -> int:
    """Unpack a chunk of ``nbytes``, or the blocks of it that hold the first ``need``; gives how many came."""
    if need == nbytes:
        done: int = _zstd(unpacker, target, nbytes, source, size)
        return 0 if _zstd_failed(done) else done
    done = taken = 0
    _zstd_begin(unpacker)
    while done < need:
        piece = _zstd_next(unpacker)  # a header, or a block
        if piece <= 0 or piece > size - taken:
            return 0
        came = _zstd_continue(unpacker, target + done, nbytes - done, source + taken, piece)
        if _zstd_failed(came):
            return 0
        done += came
        taken += piece
    return done


@compiled
def _unpack_blosc(packed: Array, size: int, target: int, nbytes: int) -> int:
    """Unpack a chunk; gives how many bytes came."""
    holds = np.zeros(1, np.int64)
    if _blosc_check(packed.ctypes.data, size, holds.ctypes.data) != 0 or holds[0] != nbytes:
        return 0
    done: int = _blosc(packed.ctypes.data, target, nbytes, 1)
    return max(done, 0)


@compiled
def _zstd_failed(code: int) -> bool:
    """Whether libzstd gave an error: these are the last numbers of an unsigned word."""
    return -4096 < code < 0
