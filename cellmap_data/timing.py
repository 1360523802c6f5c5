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
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter

__all__ = ["recording", "stage"]


@contextmanager
def recording() -> Iterator[dict[str, float]]:
    """Record the stages of this thread.

    Recordings nest: what is heard by an inner one is added to the outer one when the inner one ends.

    Yields
    ------
    dict
        Stage -> seconds spent in it so far. Together they are never more than the time that has passed.
    """
    outer = _thread.recorder
    recorder = _thread.recorder = _Recorder()
    try:
        yield recorder.seconds
    finally:
        _thread.recorder = outer
        if outer is not None:
            outer.take_over(recorder)


def stage(name: str) -> AbstractContextManager[None]:
    """Count the time inside as spent in a stage, if this thread is being recorded.

    A stage within another counts for itself alone: its time is taken off that of the stage around it. An
    exception ends a stage like anything else.
    """
    recorder = _thread.recorder
    return _SILENCE if recorder is None else _Stage(name, recorder)


class _Recorder:
    """The seconds of each stage, and the seconds of stages that ended within the current one."""

    __slots__ = ("inside", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.inside = 0.0

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def take_over(self, other: _Recorder) -> None:
        for name, seconds in other.seconds.items():
            self.add(name, seconds)
        self.inside += other.inside


class _Stage:
    """One run of a stage that somebody listens to."""

    __slots__ = ("_before", "_name", "_recorder", "_start")

    def __init__(self, name: str, recorder: _Recorder) -> None:
        self._name, self._recorder = name, recorder

    def __enter__(self) -> None:
        self._before, self._recorder.inside = self._recorder.inside, 0.0
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        whole, recorder = perf_counter() - self._start, self._recorder
        recorder.add(self._name, whole - recorder.inside)
        recorder.inside = self._before + whole


class _Silence:
    """A stage nobody listens to; ``contextlib.nullcontext`` does the same, a tenth slower."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, traceback: object) -> None: ...


class _Thread(threading.local):
    recorder: _Recorder | None = None


_thread = _Thread()
_SILENCE = _Silence()
