"""A process and all it has started, looked at from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


class Tree:
    """A process and its descendants: their CPU time, their memory, and a way to hold them still."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def processes(self) -> list[psutil.Process]:
        """Those alive, the root first."""
        return [self._root, *self._root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        times = [process.cpu_times() for process in self._alive()]
        return sum(time.user + time.system for time in times)

    def memory(self) -> int:
        """Bytes of memory in use; pages that several of them share count once."""
        return sum(process.memory_full_info().pss for process in self._alive())

    def hold(self) -> None:
        """Stop all, so that none reads ahead while another contender is measured."""
        for process in self._alive():
            process.suspend()

    def release(self) -> None:
        """Let them go on."""
        for process in reversed(self._alive()):
            process.resume()

    def kill(self) -> None:
        """End all, the root last, so that none is orphaned on the way."""
        for process in reversed(self._alive()):
            process.kill()

    def _alive(self) -> list[psutil.Process]:
        return [process for process in self.processes() if process.status() != psutil.STATUS_ZOMBIE]


class Scale:
    """The largest memory of a tree while it was watched."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.peak = 0

    @contextmanager
    def watching(self, every: float = 0.25) -> Iterator[None]:
        """Look every so many seconds, and at the end; looking costs the tree time, so nothing is timed."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(every):
                self._look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._look()

    def _look(self) -> None:
        with suppress(psutil.NoSuchProcess):  # one ended while it was looked at
            self.peak = max(self.peak, self._tree.memory())
