"""What a loader has done and where the time went."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cellmap_data.account import Account, HookOf
from cellmap_data.dataloader.bottleneck import bottleneck
from cellmap_data.dataloader.delivery import Delivery
from cellmap_data.dataloader.traffic import Traffic
from cellmap_data.errors import HookError, SkippedWarning, message

if TYPE_CHECKING:
    from rich.console import RenderableType

STAGES = {
    "read": "reading samples (all readers)",
    "transform": "value transforms of the dataset (all readers)",
    "post_sample": "plugins, sample by sample (all readers)",
    "collate": "samples to batches (all readers)",
    "wait": "the consumer waited for a batch",
    "post_collate": "plugins, batch by batch (consumer)",
    "step": "the consumer used a batch",
}
"""Stage -> what is measured; stages of readers overlap with each other and with the consumer's."""


@dataclass
class Report:
    """Counts and times since a loader was made or refreshed, of all its threads and workers.

    It prints as a table, is one for ``rich.print`` and in a notebook, and :meth:`as_dict` has the numbers.

    Attributes
    ----------
    num_workers
        How many processes read; 0 when the consumer's does.
    batches
        Batches delivered.
    outside_slots
        Arrays that did not fit the reused memory of their batch and took fresh memory instead. A few at
        the start, or in a last short batch, are normal.
    seconds
        Stage -> seconds, see :data:`STAGES`.
    counts
        What was counted -> how much: bytes and chunks, see :attr:`traffic`; "ready": the batches that were
        there when one was asked for, added up over all that were.
    account
        What each plugin cost, and which failures were passed over.
    chunk_advice
        What the dataset says of the chunks it is stored in; empty if nothing is to be changed.
    """

    num_workers: int = 0
    batches: int = 0
    outside_slots: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    account: Account = field(default_factory=Account)
    chunk_advice: str = ""
    _told: dict[HookOf, int] = field(default_factory=dict, repr=False)

    def add(self, delivery: Delivery, waited: float) -> None:
        """Count a batch that has arrived, or what is known of one that failed."""
        self.batches += delivery.error is None
        self.outside_slots += delivery.outside
        self.seconds["wait"] += waited
        for stage, seconds in delivery.seconds:
            self.seconds[stage] += seconds
        for name, amount in delivery.counts:
            self.counts[name] += amount
        self.account.add(delivery.account)

    def check_limits(self, failed: Collection[str]) -> None:
        """Stop when the workers together have passed over more failures of a plugin than it may have.

        Parameters
        ----------
        failed
            The plugins that failed since the last time; one that was switched off stops nothing any more.

        Raises
        ------
        HookError
            Naming the plugin.
        """
        for plugin, count, skipped in self.account.exhausted():
            if plugin not in failed:
                continue
            text = message(
                f"plugin {plugin!r} failed too often to go on without it",
                expected=f"at most {skipped.limit} failures, as its on_error says",
                got=f"{count}, among them: {skipped.first}",
                hint=f"repair the plugin, or go on without it: disable_plugin({plugin!r})",
            )
            raise HookError(text, plugin)

    def tell_skipped(self, epoch: int) -> None:
        """Warn of the failures that were passed over since the last time."""
        for key, skipped in self.account.skipped.items():
            new = skipped.count - self._told.get(key, 0)
            if not new:
                continue
            self._told[key] = skipped.count
            (plugin, hook), what = key, skipped.what
            result = "another sample came in its place" if what == "sample" else "the call was left out"
            warnings.warn(
                f"epoch {epoch}: plugin {plugin!r} failed {new} times in {hook}; each time {result}. "
                f"The first time: {skipped.first}",
                SkippedWarning,
                stacklevel=2,
            )

    @property
    def traffic(self) -> Traffic:
        """Bytes used, decoded and read, and what the cache did."""
        return Traffic.of(self.counts)

    @property
    def queue_depth(self) -> float:
        """How many batches were ready when one was asked for, on average."""
        return self.counts["ready"] / self.batches if self.batches else 0.0

    @property
    def lock_delay(self) -> float:
        """Seconds until a thread that reads has Python's lock again after letting it go, on average.

        Measured now and then while the consumer has a batch in hand, not while it waits for one. Workers,
        which have locks of their own, measure nothing.
        """
        return self.seconds["lock"] / self.counts["locks"] if self.counts["locks"] else 0.0

    @property
    def bottleneck(self) -> str:
        """One sentence, or two: what to change to go faster."""
        return bottleneck(self)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain numbers and text, ready for JSON."""
        return {
            "num_workers": self.num_workers,
            "batches": self.batches,
            "outside_slots": self.outside_slots,
            "queue_depth": self.queue_depth,
            "lock_delay": self.lock_delay,
            "traffic": self.traffic.as_dict(),
            "stages": {stage: self.seconds[stage] for stage in STAGES},
            "plugins": [
                {"plugin": plugin, "hook": hook, "calls": cost.calls, "seconds": cost.seconds}
                for (plugin, hook), cost in self.account.costs.items()
            ],
            "skipped": [
                {
                    "plugin": plugin,
                    "hook": hook,
                    "what": each.what,
                    "count": each.count,
                    "first": each.first,
                }
                for (plugin, hook), each in self.account.skipped.items()
            ],
            "bottleneck": self.bottleneck,
        }

    def __str__(self) -> str:
        from cellmap_data.dataloader.report_view import as_text

        return as_text(self)

    def __rich__(self) -> RenderableType:
        from cellmap_data.dataloader.report_view import as_rich

        return as_rich(self)

    def _repr_html_(self) -> str:
        from cellmap_data.dataloader.report_view import as_html

        return as_html(self)
