"""The C functions that read and unpack a chunk: of the C library, and of those that numcodecs brings along.

Compiled loops call them by name, without Python. numcodecs is there because zarr needs it. Where its build
hides a function, or the platform has none, tensorstore reads everything.
"""

from __future__ import annotations

import ctypes
import importlib
import weakref

PREFIX = "cellmap_data_"
"""What compiled loops put before the name of a C function, so that no other is meant."""

_FUNCTIONS = {
    "": ("open", "lseek", "pread", "close"),
    "numcodecs.zstd": (
        "ZSTD_createDCtx",
        "ZSTD_freeDCtx",
        "ZSTD_decompressDCtx",
        "ZSTD_decompressBegin",
        "ZSTD_nextSrcSizeToDecompress",
        "ZSTD_decompressContinue",
    ),
    "numcodecs.blosc": ("blosc_cbuffer_validate", "blosc_decompress_ctx"),
}


def _place(module: str, name: str) -> int:
    """Where a C function lies; 0 if it is not found."""
    try:
        library = ctypes.CDLL(importlib.import_module(module).__file__ if module else None)
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except (ImportError, OSError, AttributeError, TypeError):  # TypeError: no library is the program itself
        return 0


PLACES = {name: _place(module, name) for module, names in _FUNCTIONS.items() for name in names}
"""Where each function lies in memory; 0 for one that was not found."""


class Unpacker:
    """The memory in which libzstd keeps its tables; to be used by one thread at a time.

    Attributes
    ----------
    address : int
        Of the memory.
    """

    def __init__(self) -> None:
        create = ctypes.CFUNCTYPE(ctypes.c_void_p)(PLACES["ZSTD_createDCtx"])
        free = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p)(PLACES["ZSTD_freeDCtx"])
        self.address = create() or 0
        if not self.address:
            raise MemoryError("libzstd has no memory for its tables")
        weakref.finalize(self, free, self.address).atexit = False
