"""One budget of bytes for the decoded chunks of all arrays this process reads.

Those that our own loops decode are kept by :data:`cellmap_data.chunks.kept_chunks`, all others by
tensorstore. A process that has both gives each half.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import tensorstore as ts

from cellmap_data.chunks import kept_chunks, team
from cellmap_data.config import counted

_BRIEFLY = 64 << 20  # bytes of chunks that are kept until our own loops are ready
SHARE = 8
"""The default budget is the memory this process may use, divided by this."""

_lock = threading.Lock()
_budget: int | None = None
_context: ts.Context | None = None
_passing: ts.Context | None = None
_live = _files = _stores = False


def live_reader() -> bool:
    """Whether this process has threads that read: from then on it must not fork."""
    return _live or team.has_helpers


def tensorstore_keeps() -> bool:
    """Whether tensorstore has a share of the budget, because it reads what our own loops cannot."""
    return _stores


def cache_budget() -> int:
    """Bytes of decoded chunks that this process keeps at most.

    By default an eighth of what the control group or the machine allows. That is meant for a whole tree of
    processes: who starts workers gives each its share with :func:`set_cache_budget`.
    """
    with _lock:
        return _bytes()


def set_cache_budget(nbytes: int | None) -> None:
    """Keep at most ``nbytes`` of decoded chunks in this process; None for the default, 0 for no cache.

    Arrays that tensorstore has open keep their share of the old cache until they are closed.

    Raises
    ------
    ConfigurationError
        If that is no number of bytes.
    """
    global _budget, _stores
    if nbytes is not None:
        nbytes = counted("A cache budget", nbytes, hint="count bytes: 1 << 30 is a GiB; None is the default")
    with _lock:
        _budget, _stores = nbytes, False
        _share()


def forget_cached_chunks() -> None:
    """Arrays opened from now on know nothing of what was read before: stored data was removed."""
    global _context, _passing
    with _lock:
        _context = _passing = None
    kept_chunks.clear()


def shared_context(*, passing: bool = False) -> ts.Context:
    """The tensorstore context all arrays of this process share; it owns the cache.

    A plugin whose reader uses tensorstore takes this one: its chunks count against the budget, and
    :func:`live_reader` knows of its threads.

    Parameters
    ----------
    passing : bool
        For arrays that our own loops will read, once they are ready: what is kept goes when these arrays are
        closed, and takes nothing of the share of those that stay.
    """
    global _context, _passing, _live, _stores
    with _lock:
        _live = True
        if passing:
            _passing = _passing or ts.Context({"cache_pool": {"total_bytes_limit": min(_bytes(), _BRIEFLY)}})
            return _passing
        if not _stores:
            _stores = True
            _share()
        if _context is None:
            _context = ts.Context({"cache_pool": {"total_bytes_limit": _bytes() // (1 + _files)}})
        return _context


def keep_chunks_of_files() -> None:
    """Give the chunks that our own loops decode a share of the budget, from now on."""
    global _files
    with _lock:
        if not _files:
            _files = True
            _share()


def _share() -> None:
    """Share the budget out anew."""
    global _context, _passing
    _context = _passing = None
    if _files:
        kept_chunks.limit = _bytes() // (1 + _stores)


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
