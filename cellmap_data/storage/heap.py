"""Where the C library keeps what was decoded: as it does by itself, or as suits processes that only read."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # as glibc's malloc.h numbers them
_KEPT = 256 << 20
_LARGEST = 32 << 20  # that glibc takes for a block in the heap


def use_one_heap() -> bool:
    """Let all threads of this process allocate from one heap, from now on.

    glibc gives threads heaps of their own. Chunks are decoded by several threads and dropped by others, so
    each heap grows to the most it ever held: together they hold several times the budget of the cache.
    Worker processes of the loaders do this. In a program of its own it is the user's choice, as it holds for
    all of the program: call it before the first read, or start Python with ``MALLOC_ARENA_MAX=1``.

    Returns
    -------
    bool
        Whether this C library knows of it; others have no such heaps.
    """
    return _set(_ARENA_MAX, 1)


def keep_freed_memory() -> bool:
    """Let this process keep up to 256 MiB of what it frees, from now on, for the next chunks to decode.

    glibc hands the memory of nearly every decoded chunk back to the system, which has to clear it page by
    page before it gives it out again. Worker processes of the loaders do this.

    Returns
    -------
    bool
        Whether this C library knows of it.
    """
    return _set(_MMAP_THRESHOLD, _LARGEST) and _set(_TRIM_THRESHOLD, _KEPT)


def _set(setting: int, value: int) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(setting, value))
