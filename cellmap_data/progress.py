"""A bar for whoever waits in front of a terminal."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar"]

PATIENCE = 1.0
"""Seconds of work before anything is shown."""


class Bar:
    """Shows on standard error how far a piece of work is, if that is a terminal and the work takes long.

    ``advance`` may be called from any thread.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How much there is to do, in units of ``advance``.
    patience : float
        Seconds before anything is shown.
    """

    def __init__(self, title: str, total: int, patience: float = PATIENCE) -> None:
        self._title, self._total, self._done = title, total, 0
        self._due = monotonic() + patience
        self._shown: Progress | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def advance(self, amount: int) -> None:
        """Tell that so much more is done."""
        with self._lock:
            self._done += amount
            if self._shown is None and monotonic() >= self._due and sys.stderr.isatty():
                self._shown = _started(self._title, self._total)
            if self._shown is not None:
                self._shown.update(self._shown.task_ids[0], completed=self._done)


def _started(title: str, total: int) -> Progress:
    from rich.console import Console  # loaded only when there is something to show
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task(title, total=total)
    progress.start()
    return progress
