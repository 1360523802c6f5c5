"""Where the records of one process go: a file that grows, or objects that are put together now and then."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from cellmap_data.errors import StoreError, message
from cellmap_data.storage import Objects, is_remote, local_path, writing_failed

_FAN = 8  # objects of about one size that are put together


class Records(Protocol):
    """What a ledger asks of the place that keeps its records."""

    def append(self, text: bytes) -> None:
        """Keep some more; durable on return, StoreError if it is not."""

    def read(self) -> Iterator[bytes]:
        """What this and all other processes have kept."""

    def close(self) -> None:
        """Let go of what is open."""


def records_at(uri: str, context: Any) -> Records:
    """The records in a folder, of the kind that its store can keep."""
    return ObjectRecords(uri, context) if is_remote(uri) else FileRecords(local_path(uri))


class FileRecords:
    """Records in files of a folder: each process appends to one of its own, and syncs it."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._file: int | None = None
        self._pid = 0

    def append(self, text: bytes) -> None:
        """Keep some more."""
        try:
            if self._file is None or self._pid != os.getpid():  # a forked child has a file of its own
                self._open()
            assert self._file is not None
            _write(self._file, text)
        except OSError as error:
            self.close()  # what was cut off stays the end of its file
            raise writing_failed(str(self._folder), error) from error

    def read(self) -> Iterator[bytes]:
        """The content of all files."""
        if self._folder.is_dir():
            for path in sorted(self._folder.iterdir()):
                try:
                    yield path.read_bytes()
                except OSError as error:
                    raise StoreError(
                        message("A ledger cannot be read.", place=str(path), got=error)
                    ) from error

    def close(self) -> None:
        """Close the file; the next record opens another one."""
        if self._file is not None and self._pid == os.getpid():
            os.close(self._file)
        self._file = None

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{uuid.uuid4().hex}.log"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._pid = os.getpid()
        for folder in (self._folder, self._folder.parent):
            _sync(folder)


class ObjectRecords:
    """Records in objects of a store that knows no appending.

    Objects of about one size are put together eight at a time, so n records end in a few objects per power
    of eight, after each was copied a few times.
    """

    def __init__(self, uri: str, context: Any) -> None:
        self._objects = Objects(uri, context)
        self._own: list[list[tuple[str, bytes]]] = [[]]  # by how often they were put together

    def append(self, text: bytes) -> None:
        """Keep some more."""
        self._put(0, text)
        for level in range(len(self._own)):
            together = self._own[level]
            if len(together) < _FAN:
                return
            self._put(level + 1, b"".join(content for _, content in together))
            while together:
                self._objects.delete(together[-1][0])
                together.pop()

    def read(self) -> Iterator[bytes]:
        """The content of all objects, also of those that are put together meanwhile."""
        seen: set[str] = set()
        while True:
            fresh = [name for name in self._objects.names() if name not in seen]
            seen.update(fresh)
            contents = [self._objects.read(name).content for name in fresh]
            yield from (content for content in contents if content is not None)
            if None not in contents:
                return

    def close(self) -> None:
        """Nothing is open."""

    def _put(self, level: int, text: bytes) -> None:
        name = f"{uuid.uuid4().hex}.log"
        self._objects.write(name, text)
        if level == len(self._own):
            self._own.append([])
        self._own[level].append((name, text))


def _write(file: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
