"""From indices to a batch, in the process that reads: the hooks around one read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cellmap_data.dataloader.collate import collate
from cellmap_data.dataloader.finished import FinishedSamples
from cellmap_data.dataloader.planned import PlannedBatch
from cellmap_data.dataloader.profiling import profiled
from cellmap_data.dataloader.relay import HookRelay
from cellmap_data.sampler import SampleIndex


class BatchReader:
    """Reads batches of a dataset with the hooks that belong to reading.

    Parameters
    ----------
    dataset
        Anything with ``read_batch``, ``__getitems__`` or ``__getitem__``. If it has ``describe(index)``, the
        text that returns tells in errors where a sample lies.
    hooks
        The plugins.
    is_train
        Passed on to ``post_sample``.
    collate_fn
        What makes a batch of samples; None for :func:`cellmap_data.dataloader.collate.collate`.
    sampled
        Whether a sampler of the user chose the positions: then no others may come in their place.
    """

    def __init__(
        self,
        dataset: Any,
        hooks: HookRelay,
        is_train: bool,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        sampled: bool = False,
    ) -> None:
        self.dataset, self.hooks, self.is_train, self.collate_fn = dataset, hooks, is_train, collate_fn
        self._sampled = sampled

    def view(self) -> FinishedSamples:
        """A new face of the dataset for hooks; a sequence of batches read in order has one of its own."""
        stacked = self.collate_fn is None
        return FinishedSamples(self.dataset, self.hooks, self.is_train, self._sampled, stacked)

    def again(self, indices: Sequence[SampleIndex], row: int) -> Any:
        """One sample of a batch, read and finished as it was in that batch; the others are not read."""
        planned = PlannedBatch(indices)
        return self.view()[planned.indices[row]]

    def announce(self, view: FinishedSamples, planned: PlannedBatch) -> None:
        """Tell plugins what will be read."""
        planned.announced(self.hooks).pre_batch(dataset=view, indices=planned.indices)

    def read(self, view: FinishedSamples, planned: PlannedBatch) -> Any:
        """The finished batch of indices that were announced."""
        indices = planned.indices
        answer = planned.announced(self.hooks).load_samples(dataset=view, indices=indices)
        samples = view.__getitems__(indices) if answer is None else self._checked(answer, view, planned)
        start = time.perf_counter()
        with profiled("collate"):
            batch = collate(samples, planned.memory) if self.collate_fn is None else self.collate_fn(samples)
        planned.seconds.append(("collate", time.perf_counter() - start))
        return batch

    def _checked(self, answer: Sequence[Any], view: FinishedSamples, planned: PlannedBatch) -> list[Any]:
        finished = planned.memory.finished
        return [
            sample if finished.get(index.row) is sample else view.finish(sample, index)
            for sample, index in zip(answer, planned.indices, strict=True)
        ]


def fields_of(batch: Any) -> Mapping[str, Any]:
    """A batch as named fields; one that is no mapping becomes the only field, named ``""``."""
    return batch if isinstance(batch, Mapping) else {"": batch}
