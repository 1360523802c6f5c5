"""Samples as plugins make them, in the memory of their batch."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from cellmap_data.buffers import Allocate, fresh
from cellmap_data.dataloader.collate import lay
from cellmap_data.dataloader.leaves import place_of, places_of, read_samples
from cellmap_data.dataloader.planned import PlannedBatch, PlannedIndex, batch_of, memory_for
from cellmap_data.dataloader.profiling import lock_delay, profiled
from cellmap_data.dataloader.relay import HookRelay
from cellmap_data.errors import (
    CellMapDataError,
    HookError,
    PositionError,
    SampleError,
    SampleSkippedError,
    message,
)
from cellmap_data.sampler import SampleIndex, Stream, generator_for, replacement
from cellmap_data.timing import recording

_MOST_ATTEMPTS = 16
_LOCK_EVERY = 8
"""Reads from one look at the lock to the next: where it is contended, looking costs the thread 5 ms."""


class FinishedSamples:
    """A dataset whose samples come with ``post_sample`` already done, in the thread that reads them.

    This is the ``dataset`` that hooks are given. It reads into the memory of the batch the indices were
    planned for; indices it does not know are read into fresh memory. Other attributes are the dataset's.
    ``stacked`` says that batches are put together by our own collation, which wants samples in that memory.
    """

    def __init__(
        self, dataset: Any, hooks: HookRelay, is_train: bool, sampled: bool = False, stacked: bool = True
    ) -> None:
        self._dataset, self._hooks, self._is_train, self._sampled = dataset, hooks, is_train, sampled
        self._stacked = stacked
        self._awaited, self._unlooked = False, 0

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Tell threads that the consumer waits for a batch, and so runs no code that they could wait for."""
        self._awaited = True
        try:
            yield
        finally:
            self._awaited = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Read and finish the samples of ``indices``."""
        if not indices:
            return []
        batch = batch_of(indices)
        if batch is not None:
            batch.begun(self._hooks)
            self._look_at_lock(batch)
        start = time.perf_counter()
        with recording() as heard, profiled("read"):
            samples = self._read(indices, memory_for(batch, indices))
        read = time.perf_counter()
        with profiled("post_sample"):
            changed = [self._changed(sample, index) for sample, index in zip(samples, indices, strict=True)]
        end = time.perf_counter()
        finished = [self._kept(sample, index) for sample, index in zip(changed, indices, strict=True)]
        if batch is not None:
            stages = heard.seconds
            batch.seconds += [("read", read - start - sum(stages.values())), *stages.items()]
            batch.seconds += [("post_sample", end - read), ("collate", time.perf_counter() - end)]
            batch.counts += heard.counts.items()
        return finished

    def _look_at_lock(self, batch: PlannedBatch) -> None:
        """Now and then measure how long the consumer's own code keeps Python's lock from this thread.

        As a read begins: its end is seen mostly while the consumer waits, for then threads get on.
        """
        self._unlooked += 1  # threads may lose one another's; a look more or less does not matter
        if self._unlooked < _LOCK_EVERY:
            return
        waits = self._awaited
        delay = lock_delay()
        if not (waits and self._awaited):  # else the lock was free, which says nothing of the consumer's code
            self._unlooked = 0
            batch.seconds += [("lock", delay)]
            batch.counts += [("locks", 1)]

    def _read(self, indices: Sequence[int], allocate: Allocate) -> Sequence[Any]:
        try:
            return read_samples(self._dataset, indices, allocate)
        except CellMapDataError:
            raise
        except Exception as error:
            there = not isinstance(error, IndexError)  # which ends a loop over the dataset, so it stays one
            raise (SampleError if there else PositionError)(
                message(
                    "a sample could not be read",
                    crop=places_of(self._dataset, indices) if there else "",
                    place=f"{type(self._dataset).__name__}, one of the indices {list(map(int, indices))}",
                    got=f"{type(error).__name__}: {error}",
                )
            ) from error

    def finish(self, sample: Any, index: int) -> Any:
        """Run ``post_sample`` on one sample, and lay it where its batch will be."""
        return self._kept(self._changed(sample, index), index)

    def _kept(self, sample: Any, index: int) -> Any:
        """A sample as its batch will hold it."""
        batch = index.batch() if isinstance(index, PlannedIndex) else None
        if batch is not None and isinstance(index, PlannedIndex):
            if self._stacked:
                sample = lay(sample, index.row, batch.memory)
            batch.memory.finished[index.row] = sample
        return sample

    def _changed(self, sample: Any, index: int) -> Any:
        """A sample as plugins change it."""
        batch = index.batch() if isinstance(index, PlannedIndex) else None
        hooks = self._hooks if batch is None else batch.begun(self._hooks)
        if isinstance(index, SampleIndex) and hooks.answers("post_sample"):
            sample = self._passed_on(sample, index, hooks)
        return sample

    def _passed_on(self, sample: Any, index: SampleIndex, hooks: HookRelay) -> Any:
        """A sample as plugins change it, or another one in its place if they fail on it and may."""
        wanted = index
        while True:
            if isinstance(sample, MutableMapping):
                sample = copy.copy(sample)  # it may be the dataset's own, which plugins must not change
            rng = generator_for(index.draw, Stream.POST_SAMPLE)
            try:
                return hooks.post_sample(sample=sample, index=index, rng=rng, is_train=self._is_train)
            except HookError as error:
                other = self._another(wanted, index) if isinstance(error, SampleSkippedError) else None
                if other is None:
                    error.locate(place_of(self._dataset, index), index.draw)
                    if isinstance(error, SampleSkippedError):
                        error.add_note(f"and {index.draw.attempt} others were tried in its place")
                    raise
                index = other
            sample = self._read([index], fresh)[0]

    def _another(self, wanted: SampleIndex, last: SampleIndex) -> SampleIndex | None:
        """What may come in place of the sample that was wanted, after the ``last`` attempt; None for nothing.

        Any position of the dataset; if a sampler chose, which may hold positions back, one of the same batch.
        """
        if last.draw.attempt == _MOST_ATTEMPTS:
            return None
        if not self._sampled:
            return replacement(last, len(self._dataset))
        batch = wanted.batch() if isinstance(wanted, PlannedIndex) else None
        others = [index for index in batch.indices if index != wanted] if batch is not None else []
        if not others:
            return None
        chosen = replacement(last, len(others))
        return chosen.at(int(others[chosen]))
