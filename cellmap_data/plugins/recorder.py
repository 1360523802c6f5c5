"""Counting while hooks run, in any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

from cellmap_data.account import Account, Cost, HookOf, Skipped
from cellmap_data.plugins.binding import BoundHook

__all__ = ["Recorder"]

Noted = TypeVar("Noted")

_KEPT = 1 << 16


class Recorder:
    """What the plugins of one manager cost in this process, and how often they failed and were let off.

    Times are noted by appending to a deque, which needs no lock and takes 40 ns; they are added up when
    somebody asks. A manager whose account nobody takes keeps the newest only.
    """

    def __init__(self) -> None:
        self._chains: deque[tuple[Sequence[tuple[Any, BoundHook]], list[float]]] = deque(maxlen=_KEPT)
        self._calls: deque[tuple[BoundHook, float]] = deque(maxlen=_KEPT)
        self._lock = threading.RLock()  # a run that is collected ends, and takes the account, at any time
        self._skipped: dict[HookOf, Skipped] = {}
        self._failures: dict[str, int] = {}
        self.note_chain = self._chains.append
        self.note_call = self._calls.append

    def skip(self, bound: BoundHook, error: Exception, what: Literal["sample", "call"]) -> bool:
        """Count a failure that shall stop nothing; False if the plugin has had more of them than it may."""
        plugin, limit = bound.author.plugin, bound.policy.limit
        with self._lock:
            self._failures[plugin] = self._failures.get(plugin, 0) + 1
            if limit is not None and self._failures[plugin] > limit:
                return False
            first = f"{type(error).__name__}: {error}"
            entry = self._skipped.setdefault((plugin, bound.hook), Skipped(what, 0, limit, first))
            entry.count += 1
        return True

    def forget(self, plugin: str) -> None:
        """Begin anew with the failures of whoever has this name next."""
        with self._lock:
            self._failures.pop(plugin, None)

    def take(self) -> Account:
        """What was counted since the last time; of several who ask at once, each gets a part."""
        account = Account()
        for chain, marks in _drained(self._chains):
            for (_, bound), start, end in zip(chain, marks, marks[1:], strict=False):
                _add(account, bound, end - start)
        for bound, seconds in _drained(self._calls):
            _add(account, bound, seconds)
        with self._lock:
            account.skipped, self._skipped = self._skipped, {}
        return account


def _drained(queue: deque[Noted]) -> Iterator[Noted]:
    """Take from a queue that others take from as well, until it is empty."""
    with suppress(IndexError):
        while True:
            yield queue.popleft()


def _add(account: Account, bound: BoundHook, seconds: float) -> None:
    cost = account.costs.setdefault((bound.author.plugin, bound.hook), Cost())
    cost.calls += 1
    cost.seconds += seconds
