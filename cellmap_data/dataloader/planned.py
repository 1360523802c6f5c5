"""The indices of one batch, and what belongs to them until it is delivered."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

from cellmap_data.buffers import Allocate, Arena, BatchMemory, fresh
from cellmap_data.buffers.memory import Bytes
from cellmap_data.dataloader.relay import HookRelay
from cellmap_data.sampler import SampleIndex


class PlannedIndex(SampleIndex):
    """An index that also knows its batch and its row there.

    The reference is weak, so a plugin may collect indices without keeping batches alive. It does not travel:
    pickled, this is a plain SampleIndex.
    """

    batch: Callable[[], PlannedBatch | None]
    row: int


class PlannedBatch:
    """The indices of one batch, the memory its samples go to, and the plugins that take part.

    A plugin that is switched takes part from the first batch on that was not announced yet, or, where a hook
    of reading is concerned, not begun: half a batch would be worse than one too many.

    Attributes
    ----------
    seconds, counts
        Time spent, by stage, and what was counted; appended to by every thread that reads for this batch.
    """

    def __init__(self, indices: Sequence[SampleIndex], root: Bytes | None = None) -> None:
        self.memory = BatchMemory(len(indices), Arena(root))
        self.indices: list[PlannedIndex] = []
        self.seconds: list[tuple[str, float]] = []
        self.counts: list[tuple[str, int]] = []
        self._hooks: dict[str, HookRelay] = {}
        for row, index in enumerate(indices):
            planned = PlannedIndex(index, index.draw)
            planned.batch, planned.row = weakref.ref(self), row
            self.indices.append(planned)

    @property
    def is_read(self) -> bool:
        """Whether all samples are there."""
        return len(self.memory.finished) == len(self.indices)

    def announced(self, hooks: HookRelay) -> HookRelay:
        """The hooks as they were at the first call, when the batch was announced."""
        return self._hooks.get("announced") or self._hooks.setdefault("announced", hooks.pinned())

    def begun(self, hooks: HookRelay) -> HookRelay:
        """The hooks as they were at the first call, when some thread began to read."""
        return self._hooks.get("begun") or self._hooks.setdefault("begun", hooks.pinned())


def batch_of(indices: Sequence[int]) -> PlannedBatch | None:
    """The batch that indices were planned for, if it is one and the same."""
    batches = {index.batch() if isinstance(index, PlannedIndex) else None for index in indices}
    return batches.pop() if len(batches) == 1 else None


def memory_for(batch: PlannedBatch | None, indices: Sequence[int]) -> Allocate:
    """Memory for the samples of ``indices``: rows of their batch if they are neighbours there."""
    rows = [index.row for index in indices if isinstance(index, PlannedIndex)]
    if batch is None or rows != list(range(rows[0], rows[0] + len(rows))):
        return fresh
    return batch.memory.claim(rows[0], len(rows))
