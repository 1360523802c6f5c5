"""How many arrays a process keeps open, however many it reads."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol
from weakref import ReferenceType, ref

OPEN_AT_MOST = 8192
"""Arrays that a process keeps open. Beside its chunks each holds some 6 KiB, so all of them 50 MiB."""


class Owner(Protocol):
    """Who opens arrays and knows which of them were asked for lately."""

    def spare(self, uri: str) -> bool:
        """Let go of an array, unless it was asked for since the last call: then True, and it stays."""


class Shelf:
    """The open arrays of a process, whoever opened them.

    Beyond the limit the oldest goes, if nobody asked for it since it was last looked at ("second chance",
    which is nearly "least recently used"): so a hit costs its owner a flag, and neither a lock nor a move.
    An array that goes is not closed but no longer held; reads of it that are under way end as they would.

    Parameters
    ----------
    at_most : int
        The limit.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._arrays: deque[tuple[ReferenceType[Owner], str]] = deque()
        self._lock = threading.Lock()

    def put(self, owner: Owner, uri: str) -> None:
        """Take note that ``owner`` opened an array; it is not kept alive for that."""
        with self._lock:
            while len(self._arrays) >= self._at_most:
                oldest = self._arrays.popleft()
                holder = oldest[0]()
                if holder is not None and holder.spare(oldest[1]):
                    self._arrays.append(oldest)
            self._arrays.append((ref(owner), uri))


shelf = Shelf(OPEN_AT_MOST)
"""That of this process."""
