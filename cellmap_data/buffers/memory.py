"""Where slots live: anonymous pages of this process, or one unlinked file that worker processes map too."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from multiprocessing import reduction
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.buffers.words import unlinked_file
from cellmap_data.errors import LoaderError, message

Bytes = npt.NDArray[np.uint8]

PAGE = mmap.ALLOCATIONGRANULARITY
_WORDS = 1 << 16
_SEGMENT = 256 << 20  # mapped at a time, for each mapping costs a descriptor; only what is used takes memory
_HEADER = -(-_WORDS * 8 // PAGE) * PAGE


def round_to_pages(nbytes: int) -> int:
    """The number of bytes of the whole pages that hold ``nbytes``."""
    return -(-nbytes // PAGE) * PAGE


class PrivateMemory:
    """Anonymous memory of this process, page-locked for CUDA copies if asked.

    Each block is its own mapping, so a block that is given up goes back to the system at once.
    """

    def __init__(self, pinned: bool = False) -> None:
        self._pinned = pinned
        self._blocks: dict[int, Any] = {}

    def allocate(self, number: int, nbytes: int) -> int:
        """Make block ``number``; its offset is always 0."""
        if self._pinned:
            import torch

            block: Any = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True).numpy()
            self._blocks[number] = memoryview(block)
        else:
            self._blocks[number] = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return 0

    def open(self, number: int, offset: int, nbytes: int) -> Bytes:
        """A new array over a block; arrays made from it keep it alive."""
        return np.frombuffer(self._blocks[number], dtype=np.uint8, offset=offset, count=nbytes)

    def discard(self, number: int, offset: int, nbytes: int) -> None:  # noqa: ARG002 - same as SharedMemory
        """Give up a block nothing refers to."""
        del self._blocks[number]

    def held(self, number: int) -> bool:  # noqa: ARG002 - same as SharedMemory
        """Whether another process still uses a block: never."""
        return False


class SharedMemory:
    """One unlinked file, mapped in segments, reached by workers through its passed-on descriptor.

    The file lies in the shared-memory file system where there is one, else in the temporary folder. It has no
    name, so nothing is left behind however the processes end. Its header holds a 64-bit word for each block:
    how many references workers still have to it.
    """

    def __init__(self, pinned: bool = False) -> None:
        self._pinned = pinned
        self._fd = unlinked_file()
        self._size = _HEADER
        os.ftruncate(self._fd, _HEADER)
        self._map_header()

    def _map_header(self) -> None:
        self._header = mmap.mmap(self._fd, _HEADER)
        self._words = memoryview(self._header).cast("q")
        self._segments: dict[int, mmap.mmap] = {}
        self._locked: dict[int, int] = {}
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach, (reduction.DupFd(self._fd),)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)
        if self._pinned and self._pid == os.getpid():
            for address in self._locked.values():
                _page_unlock(address)

    def allocate(self, number: int, nbytes: int) -> int:
        """Grow the file by block ``number``, its pages reserved, and return the offset.

        Raises
        ------
        LoaderError
            When the file system is full. Without the reservation the first write would end the process.
        """
        if number >= _WORDS:
            raise LoaderError(f"more than {_WORDS} batches in shared memory at once: are old ones kept?")
        offset = self._size
        if offset % _SEGMENT + nbytes > _SEGMENT:  # a block lies in one segment, or is larger and has its own
            offset = -(-offset // _SEGMENT) * _SEGMENT
        end = offset + nbytes
        try:
            os.ftruncate(self._fd, -(-end // _SEGMENT) * _SEGMENT)
            os.posix_fallocate(self._fd, offset, nbytes)
        except OSError as error:
            raise LoaderError(
                message(
                    "no room for a batch in shared memory",
                    expected=f"{nbytes / 2**20:.0f} MiB free beside {offset / 2**20:.0f} MiB in use",
                    got=str(error),
                    hint="enlarge /dev/shm, or use smaller batches, fewer workers, a lower prefetch_factor",
                )
            ) from error
        self._size = end
        return offset

    def open(self, number: int, offset: int, nbytes: int) -> Bytes:
        """A new array over a block; its segment is mapped on first use in this process."""
        mapped, start = self._segment(offset, nbytes)
        array = np.frombuffer(mapped, dtype=np.uint8, offset=offset - start, count=nbytes)
        if self._pinned and number not in self._locked and self._pid == os.getpid():
            self._locked[number] = array.ctypes.data
            _page_lock(array.ctypes.data, nbytes)
        return array

    def discard(self, number: int, offset: int, nbytes: int) -> None:
        """Give the pages of a block back to the system, for every process that maps it."""
        mapped, start = self._segment(offset, nbytes)
        if number in self._locked:
            _page_unlock(self._locked.pop(number))
        with suppress(OSError):  # a file system without holes keeps the pages until the file is closed
            mapped.madvise(mmap.MADV_REMOVE, offset - start, nbytes)

    def _segment(self, offset: int, nbytes: int) -> tuple[mmap.mmap, int]:
        """The mapping that holds a block, and where in the file it starts."""
        start = offset // _SEGMENT * _SEGMENT
        if start not in self._segments:
            self._segments[start] = mmap.mmap(self._fd, max(nbytes, _SEGMENT), offset=start)
        return self._segments[start], start

    def held(self, number: int) -> bool:
        """Whether a worker still refers to a block it has filled."""
        return self._words[number] != 0

    def hold(self, number: int, count: int) -> None:
        """Add ``count`` to the references a worker says it has to a block."""
        self._words[number] += count

    def forget_holders(self, number: int) -> None:
        """Drop what workers said of a block, once none of them is left."""
        self._words[number] = 0


def _attach(duplicate: Any) -> SharedMemory:
    self = SharedMemory.__new__(SharedMemory)
    self._fd = duplicate.detach()
    self._pinned = False
    self._size = 0
    self._map_header()
    return self


def _page_lock(address: int, nbytes: int) -> None:
    import torch

    torch.cuda.check_error(torch.cuda.cudart().cudaHostRegister(address, nbytes, 0))  # type: ignore[no-untyped-call]


def _page_unlock(address: int) -> None:
    import torch

    torch.cuda.check_error(torch.cuda.cudart().cudaHostUnregister(address))  # type: ignore[no-untyped-call]
