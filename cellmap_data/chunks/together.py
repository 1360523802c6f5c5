"""Reads that several threads share: whoever waits for a read that nobody has begun does it himself."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any


class Task:
    """Something to do once, in whichever thread comes first."""

    __slots__ = ("_begun", "_done", "_error", "_team", "_work")

    def __init__(self, team: Team, work: Callable[[], None]) -> None:
        self._team, self._work = team, work
        self._begun, self._done = threading.Lock(), threading.Lock()
        self._error: BaseException | None = None
        self._done.acquire()

    def help(self) -> None:
        """Do it, unless somebody has begun."""
        if not self._begun.acquire(blocking=False):
            return
        self._team.at_work(1)
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._error = error
        finally:
            self._team.at_work(-1)
            del self._work
            self._done.release()

    def result(self) -> None:
        """Return when it is done; raise what it raised."""
        self.help()
        with self._done:
            error, self._error = self._error, None
        if error is not None:
            raise error


class Team:
    """Threads that help those who read, as long as fewer read than there are processors.

    Where a loader reads in as many threads or processes as there are processors, none of these is started.
    They do not survive a fork, so a process that has some must not fork.
    """

    def __init__(self) -> None:
        self._size = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._working = self._helpers = 0
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """How many threads read at the same time, those that ask included."""
        return self._size

    @size.setter
    def size(self, threads: int) -> None:
        self._size = max(1, threads)

    @property
    def has_helpers(self) -> bool:
        """Whether any of these threads was started."""
        return self._helpers > 0

    def start(self, work: Callable[[], Any]) -> Task:
        """Something to do, by one of these threads or by whoever waits for it first."""
        task = Task(self, work)
        if self._working + 1 < self._size:
            self._offer(task)
        return task

    def at_work(self, change: int) -> None:
        """Take note of threads that begin, or end, to read."""
        with self._lock:
            self._working += change

    def _offer(self, task: Task) -> None:
        with self._lock:
            if self._helpers < self._size - 1:
                self._helpers += 1
                name = f"chunks-{self._helpers}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
        self._tasks.put(task)

    def _serve(self) -> None:
        while True:
            self._tasks.get().help()


team = Team()
"""That of this process."""
