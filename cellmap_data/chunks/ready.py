"""Whether loops are compiled: where they are not, tensorstore reads until they are.

Compiling takes some eight seconds for each combination of dtypes, once for each installation; after that, to
load numba and what was compiled takes half a second in each process. Nobody waits for either, and a process
that reads little does neither.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

_ENOUGH = 64
"""Boxes that a process reads before it is worth half a second to read the next ones faster."""

_asked: Counter[tuple[str, str]] = Counter()
_threads: dict[tuple[str, str], threading.Thread] = {}
_ready: set[tuple[str, str]] = set()
_lock = threading.Lock()


def are_ready(stored: np.dtype[Any], wanted: np.dtype[Any], *, wait: bool = False) -> bool:
    """Whether boxes of an array can be read by compiled loops; a thread gets them ready if it is worth it.

    Parameters
    ----------
    stored, wanted : numpy.dtype
        Of chunks, and of the memory to read into.
    wait : bool
        Get them ready at once, and return when it is known whether they will ever be.
    """
    key = stored.str, wanted.str
    if key not in _ready:
        _asked[key] += 1
        if wait:
            _start(key).join()
        elif _asked[key] > _ENOUGH:
            _start(key)
    return key in _ready


def _start(key: tuple[str, str]) -> threading.Thread:
    with _lock:
        thread = _threads.get(key)
        if thread is None:
            # Not a daemon: a process must not end while its compiler is at work.
            thread = threading.Thread(target=_prepare, args=key, name="compile-chunks")
            _threads[key] = thread
            thread.start()
    return thread


def _prepare(stored: str, wanted: str) -> None:
    from cellmap_data.chunks.codecs import PLACES

    if all(PLACES.values()):
        from cellmap_data.chunks import kernels

        kernels.prepare(np.dtype(stored), np.dtype(wanted))
        _ready.add((stored, wanted))
