"""What compiled loops read, of all threads of this process."""

from __future__ import annotations

import threading
from collections import Counter


class Meter:
    """Adds up under names; whoever takes the sums begins a new count."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, **amounts: int) -> None:
        """Add to what is counted under each name."""
        with self._lock:
            for name, amount in amounts.items():
                self._sums[name] += amount

    def take(self) -> Counter[str]:
        """What was counted since the last time."""
        with self._lock:
            taken, self._sums = self._sums, Counter()
        return taken


meter = Meter()
"""That of this process: "read", "unpacked", "asked" of tensorstore (bytes); "hits", "misses", "evicted",
"filled" (chunks)."""
