"""One budget of bytes for the decoded chunks of all arrays this process reads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import tensorstore as ts

from cellmap_data.errors import ConfigurationError, message

SHARE = 8
"""The default budget is the memory this process may use, divided by this."""

_lock = threading.Lock()
_budget: int | None = None
_context: ts.Context | None = None
_live = False


def live_reader() -> bool:
    """Whether this process has tensorstore threads running: from then on it must not fork."""
    return _live


def cache_budget() -> int:
    """Bytes of decoded chunks that this process keeps at most.

    By default an eighth of what the control group or the machine allows. That is meant for a whole tree of
    processes: who starts workers gives each its share with :func:`set_cache_budget`.
    """
    with _lock:
        return _bytes()


def set_cache_budget(nbytes: int | None) -> None:
    """Keep at most ``nbytes`` of decoded chunks in this process; None for the default, 0 for no cache.

    It holds for arrays opened from now on; those that are open keep their share of the old cache until they
    are closed.
    """
    if nbytes is not None and nbytes < 0:
        raise ConfigurationError(message("A budget cannot be negative.", expected="bytes >= 0", got=nbytes))
    global _budget, _context
    with _lock:
        _budget, _context = nbytes, None


def forget_cached_chunks() -> None:
    """Arrays opened from now on know nothing of what was read before: stored data was removed."""
    global _context
    with _lock:
        _context = None


def shared_context() -> ts.Context:
    """The tensorstore context all arrays of this process share; it owns the cache.

    A plugin whose reader uses tensorstore takes this one: its chunks count against the budget, and
    :func:`live_reader` knows of its threads.
    """
    global _context, _live
    with _lock:
        _live = True
        if _context is None:
            _context = ts.Context({"cache_pool": {"total_bytes_limit": _bytes()}})
        return _context


def _bytes() -> int:
    return _memory_limit() // SHARE if _budget is None else _budget


def _memory_limit() -> int:
    """Bytes of memory this process may use: the tightest limit of its control groups, else all there is."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_group_limits()])


def _group_limits() -> Iterator[int]:
    for folder in _control_groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            try:
                limit = (folder / name).read_text().strip()
            except OSError:
                continue
            if limit.isdigit():  # "max" means none
                yield int(limit)


def _control_groups() -> Iterator[Path]:
    """The folders of this process's control group and of those around it (version 2, then version 1)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        root = Path("/sys/fs/cgroup")
        if controllers:
            if "memory" not in controllers.split(","):
                continue
            root /= "memory"
        inner = root / group.strip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))
