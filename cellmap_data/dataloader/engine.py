"""The joint between hooks, memory and a stock DataLoader.

In front of it stands a DataLoader without workers, ``front.TicketLoader``. Its batch sampler yields tickets,
its dataset returns them untouched, and its collate function exchanges a ticket for the batch: that is the one
place that every way of iterating passes exactly once, in the consumer's thread, whatever a training framework
wraps around it. Tickets may be dropped, cut or made up by foreign code on the way; one that is not recognised
is read on the spot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cellmap_data.dataloader.delivery import Delivery
from cellmap_data.dataloader.profiling import profiled
from cellmap_data.dataloader.reading import BatchReader, fields_of
from cellmap_data.dataloader.report import Report
from cellmap_data.dataloader.run import Run
from cellmap_data.dataloader.schedule import Schedule, Ticket
from cellmap_data.dataloader.sources import LocalSource, Source
from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.errors import SkippedWarning, message
from cellmap_data.sampler import ASK_TORCH, Clock, Draw, SampleIndex

_NEWER = message(
    "this iterator was closed because a newer one was made from the same loader",
    hint="make a second loader to iterate twice at the same time",
)
_CLOSED = message(
    "this iterator was closed because its loader was closed or changed",
    got="close(), refresh() or load_state_dict() before the iterator had ended",
    hint="iterate the loader again",
)


class Engine:
    """Everything behind ``loader.loader``.

    One thread at a time is given a batch or ends a run: who closes while another thread waits for a batch
    lets it have that one.

    Parameters
    ----------
    owner
        Gives what epoch hooks are told is the loader; asked when iteration begins.
    reader
        What reads a batch, with its hooks.
    source, local
        Where the batches of an epoch come from, and what reads single batches in between.
    schedule
        The batches of an epoch.
    clock
        Seed and epoch.
    device_manager
        Asked for the device that is passed to ``post_collate``; can be replaced.
    num_workers
        For the report.
    """

    def __init__(
        self,
        owner: Callable[[], Any],
        reader: BatchReader,
        source: Source,
        local: LocalSource,
        schedule: Schedule,
        clock: Clock,
        device_manager: DeviceManager,
        num_workers: int,
    ) -> None:
        self._owner, self._reader, self._hooks = owner, reader, reader.hooks
        self._source, self._local, self._clock = source, local, clock
        self.device_manager = device_manager
        self._run: Run | None = None
        self._lock = threading.RLock()
        self.schedule = schedule
        self.report = Report(num_workers)

    def begin(self, split: bool) -> Run:
        """A new run over this rank's share of the epoch, or all of it; the run before is closed."""
        self._end(_NEWER)
        share = self.schedule.share(split)
        pace = 1 if split else ASK_TORCH.now().world_size  # who takes it from here splits it by whole batches
        self._run = Run(self._owner(), self._hooks, self._source, self.report, share, self._clock, pace)
        return self._run

    def close(self) -> None:
        """Close the run and end all workers."""
        with self._lock:
            try:
                self._end(_CLOSED)
            finally:
                self._source.close()

    def _end(self, reason: str) -> None:
        with self._lock:
            run, self._run = self._run, None
            if run is not None:
                run.close(reason)

    def exchange(self, ticket: Sequence[int]) -> Any:
        """A ticket for its batch, after ``post_collate``; any error ends the run."""
        with self._lock:
            return self._exchanged(ticket)

    def _exchanged(self, ticket: Sequence[int]) -> Any:
        run = self._run
        try:
            number = run.number_of(list(ticket)) if run else None
            if run is not None and number is not None:
                delivery = run.deliver(number)
            else:
                start = time.perf_counter()
                delivery = self._local.read_now(self._planned(ticket))
                self.report.add(delivery, time.perf_counter() - start)
            batch = self._transform(delivery)
            if run is not None:
                run.hand_over(batch)
                if number is not None and run.is_running:
                    self._source.look_ahead()
            return batch
        except BaseException as error:
            if run is not None:
                _end_after(error, run)
            raise

    def read_now(self, indices: Sequence[int]) -> Any:
        """The batch of some dataset indices, read by the caller, with every hook of a batch."""
        batch = self._transform(self._local.read_now(self._planned(indices)))
        self._hooks.post_batch(batch=fields_of(batch))
        return batch

    def again(self, ticket: Ticket, row: int) -> Any:
        """One sample of a batch, read here and now."""
        return self._reader.again(ticket, row)

    def _planned(self, indices: Sequence[int]) -> Ticket:
        seed, epoch = self._clock.seed, self._clock.coming.epoch
        return [i if isinstance(i, SampleIndex) else SampleIndex(i, Draw(seed, epoch, i)) for i in indices]

    def _transform(self, delivery: Delivery) -> Any:
        start = time.perf_counter()
        is_train = self._reader.is_train
        with profiled("post_collate"):
            batch = self._hooks.post_collate(
                batch=delivery.batch, device=self.device_manager.device, is_train=is_train
            )
        self.report.seconds["post_collate"] += time.perf_counter() - start
        return batch


def _end_after(error: BaseException, run: Run) -> None:
    """End a run because of an error, which matters more than what else there is to tell."""
    try:
        run.end()
    except SkippedWarning as warning:  # where warnings are errors
        error.add_note(f"{type(warning).__name__}: {warning}")
