"""Where the C library keeps what was decoded: one heap for all threads, if a program wants that."""

from __future__ import annotations

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


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
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(_ARENA_MAX, 1))
