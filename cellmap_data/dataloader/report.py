"""What a loader has done and where the time went."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from cellmap_data.dataloader.delivery import Delivery

STAGES = {
    "read": "reading samples and their value transforms (all readers)",
    "post_sample": "plugins, sample by sample (all readers)",
    "collate": "samples to batches (all readers)",
    "wait": "the consumer waited for a batch",
    "post_collate": "plugins, batch by batch (consumer)",
    "step": "the consumer used a batch",
}
"""Stage -> what is measured; stages of readers overlap with each other and with the consumer's."""


@dataclass
class Report:
    """Counts and times since a loader was made or refreshed.

    Attributes
    ----------
    batches
        Batches delivered.
    outside_slots
        Arrays that did not fit the reused memory of their batch and took fresh memory instead. A few at
        the start, or in a last short batch, are normal.
    seconds
        Stage -> seconds, see :data:`STAGES`.
    """

    batches: int = 0
    outside_slots: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, delivery: Delivery, waited: float) -> None:
        """Count a batch that has arrived."""
        self.batches += 1
        self.outside_slots += delivery.outside
        self.seconds["wait"] += waited
        for stage, seconds in delivery.seconds:
            self.seconds[stage] += seconds

    def __str__(self) -> str:
        lines = [f"{'stage':<13}{'seconds':>9}{'ms/batch':>10}"]
        for stage, meaning in STAGES.items():
            total = self.seconds[stage]
            lines.append(f"{stage:<13}{total:>9.2f}{1e3 * total / max(1, self.batches):>10.2f}  {meaning}")
        lines.append(f"{self.batches} batches; {self.outside_slots} arrays outside reused memory")
        return "\n".join(lines)
