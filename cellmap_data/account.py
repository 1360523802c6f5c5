"""What plugins cost and where they failed: counted where they run, sent along with batches, added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Account", "Cost", "HookOf", "Skipped"]

HookOf = tuple[str, str]
"""The name of a plugin, and of one of its hooks."""


@dataclass(slots=True)
class Cost:
    """Calls of one hook of one plugin, and the seconds that they took, threads and processes added up."""

    calls: int = 0
    seconds: float = 0.0

    def add(self, other: Cost) -> None:
        """Add what was counted elsewhere."""
        self.calls += other.calls
        self.seconds += other.seconds


@dataclass(slots=True)
class Skipped:
    """Failures of one hook of one plugin that stopped nothing, because the plugin was registered so.

    Attributes
    ----------
    what
        What was left out: the sample, for which another one came, or the call, as if the plugin had none.
    count
        How often.
    limit
        How often the plugin may fail in all its hooks before it stops the training; None for ever.
    first
        The message of the first failure.
    """

    what: Literal["sample", "call"]
    count: int = 0
    limit: int | None = None
    first: str = ""


@dataclass(slots=True)
class Account:
    """What was counted since the last time that somebody asked."""

    costs: dict[HookOf, Cost] = field(default_factory=dict)
    skipped: dict[HookOf, Skipped] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.costs or self.skipped)

    def add(self, other: Account) -> None:
        """Add what was counted elsewhere."""
        for key, cost in other.costs.items():
            self.costs.setdefault(key, Cost()).add(cost)
        for key, skipped in other.skipped.items():
            mine = self.skipped.setdefault(key, Skipped(skipped.what, 0, skipped.limit, skipped.first))
            mine.count += skipped.count
            mine.limit = skipped.limit

    def exhausted(self) -> Iterator[tuple[str, int, Skipped]]:
        """Each plugin that failed more often than it may: its name, how often, and one of its failures."""
        counts: dict[str, int] = {}
        for (plugin, _), skipped in self.skipped.items():
            counts[plugin] = counts.get(plugin, 0) + skipped.count
            if skipped.limit is not None and counts[plugin] > skipped.limit:
                yield plugin, counts[plugin], skipped
