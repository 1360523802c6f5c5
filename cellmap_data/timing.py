"""How long the stages of a piece of work take: told by the code that does them, to whoever listens.

Code below the loader names what it does, whoever asked for it; the loader listens around a whole read::

    with recording() as seconds:          # the one who wants to know
        with stage("transform"):          # somewhere below
            ...
    seconds                               # {"transform": 0.0021}

A recording hears the thread it was begun in and no other. Where nobody listens a stage costs next to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter

__all__ = ["recording", "stage"]


class _Thread(threading.local):
    seconds: dict[str, float] | None = None


_thread = _Thread()
_SILENCE = nullcontext()


@contextmanager
def recording() -> Iterator[dict[str, float]]:
    """Record the stages of this thread; a recording within it keeps what it hears to itself.

    Yields
    ------
    dict
        Stage -> seconds spent in it so far.
    """
    outer = _thread.seconds
    seconds = _thread.seconds = {}
    try:
        yield seconds
    finally:
        _thread.seconds = outer


def stage(name: str) -> AbstractContextManager[None]:
    """Count the time inside as spent in a stage, if this thread is being recorded.

    Stages are side by side, not one within another. An exception ends a stage like anything else.
    """
    seconds = _thread.seconds
    return _SILENCE if seconds is None else _Stage(name, seconds)


class _Stage:
    """One run of a stage that somebody listens to."""

    __slots__ = ("_name", "_seconds", "_start")

    def __init__(self, name: str, seconds: dict[str, float]) -> None:
        self._name, self._seconds = name, seconds

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + perf_counter() - self._start
