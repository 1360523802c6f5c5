"""How long the stages of a piece of work take, and how much it reads: told by the code that does it.

Code below the loader names what it does, whoever asked for it; the loader listens around a whole read::

    with recording() as heard:            # the one who wants to know
        with stage("transform"):          # somewhere below
            ...
        count(used=4096)
    heard.seconds                         # {"transform": 0.0021}
    heard.counts                          # {"used": 4096}

A recording hears the thread it was begun in and no other. To tell costs next to nothing where nobody listens.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter

__all__ = ["Recording", "count", "recording", "stage"]


@dataclass(slots=True)
class Recording:
    """What was heard so far: stage -> seconds spent in it, and what was counted -> how much."""

    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class _Thread(threading.local):
    listener: Recording | None = None


_thread = _Thread()
_SILENCE = nullcontext()


@contextmanager
def recording() -> Iterator[Recording]:
    """Record what this thread does; a recording within it keeps what it hears to itself.

    Yields
    ------
    Recording
        Filled while it lasts.
    """
    outer = _thread.listener
    heard = _thread.listener = Recording()
    try:
        yield heard
    finally:
        _thread.listener = outer


def stage(name: str) -> AbstractContextManager[None]:
    """Count the time inside as spent in a stage, if this thread is being recorded.

    Stages are side by side, not one within another. An exception ends a stage like anything else.
    """
    heard = _thread.listener
    return _SILENCE if heard is None else _Stage(name, heard.seconds)


def count(**amounts: int) -> None:
    """Add to what is counted under each name, if this thread is being recorded."""
    heard = _thread.listener
    if heard is not None:
        for name, amount in amounts.items():
            heard.counts[name] = heard.counts.get(name, 0) + amount


class _Stage:
    """One run of a stage that somebody listens to."""

    __slots__ = ("_name", "_seconds", "_start")

    def __init__(self, name: str, seconds: dict[str, float]) -> None:
        self._name, self._seconds = name, seconds

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + perf_counter() - self._start
