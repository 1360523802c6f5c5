"""Where the batches of a run come from; here: this process. ``worker_source`` has the other way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from cellmap_data import storage
from cellmap_data.buffers import BatchSpec, SlotProvider
from cellmap_data.dataloader.delivery import Delivery
from cellmap_data.dataloader.planned import PlannedBatch
from cellmap_data.dataloader.reading import BatchReader
from cellmap_data.dataloader.schedule import Ticket

Ahead = Callable[[int], Ticket | None]
"""The ticket of a batch number, however far ahead; None past the end of the epoch."""


class Source(Protocol):
    """Makes batches in order, ahead of being asked where it can."""

    def start(self, ahead: Ahead) -> None:
        """Begin with batch number 0."""

    def get(self, number: int) -> Delivery:
        """The batch of that number; numbers only grow, and what is passed over is thrown away."""

    def look_ahead(self) -> None:
        """Begin with what comes next: the consumer has the batch that it asked for.

        What goes wrong is raised by the ``get`` of the batch that it concerns.
        """

    def finish(self) -> None:
        """End the run; work that has begun may be thrown away."""

    def close(self) -> None:
        """End everything: nothing is left running."""


class LocalSource:
    """Reads in this process; plugins may read ahead, which they are told of in time.

    Parameters
    ----------
    reader
        What reads a batch.
    spec
        The kind of memory to ask for.
    window
        How many samples ahead of the wanted batch ``pre_batch`` announces.
    """

    def __init__(self, reader: BatchReader, spec: BatchSpec, window: int) -> None:
        self._reader, self._spec, self._window = reader, spec, window
        self._plans: deque[tuple[int, PlannedBatch, SlotProvider | None]] = deque()
        self._failure: Exception | None = None

    def start(self, ahead: Ahead) -> None:
        """Begin with batch number 0; reading begins with the first ``get``."""
        self._ahead, self._next, self._failure = ahead, 0, None
        self._plans.clear()
        self._run = SlotProvider.new_run()
        self._view = self._reader.view()
        storage.take_counts()  # what was read before belongs to others

    def get(self, number: int) -> Delivery:
        """Read the batch of that number, which is announced now if it was not before."""
        ready = sum(plan.is_read for _, plan, _ in self._plans)
        with self._view.awaited():
            self._announce(number, 0)
            while self._plans[0][0] < number:
                self._plans.popleft()
            _, planned, provider = self._plans.popleft()
            batch = self._reader.read(self._view, planned)
        arena = planned.memory.arena
        if provider is not None:
            provider.expect(arena.needed)
        counts = [*planned.counts, *storage.take_counts().items(), ("ready", ready)]
        return Delivery(batch, arena.needed, arena.outside, planned.seconds, counts)

    def look_ahead(self) -> None:
        """Announce what comes next: now, so that nothing competed with the batch that was wanted.

        One batch more if the next one is not there yet: then readers are behind, and must not run out of
        work while the consumer is on its way back.
        """
        if self._failure is None and self._reader.hooks.answers("load_samples"):
            ahead = bool(self._plans) and self._plans[0][1].is_read
            try:
                self._announce(self._next - len(self._plans) - ahead, self._window)
            except Exception as error:  # noqa: BLE001 - raised when the batch is wanted that it concerns
                self._failure = error

    def read_now(self, ticket: Ticket) -> Delivery:
        """Read a batch that belongs to no run."""
        planned, view = PlannedBatch(ticket), self._reader.view()
        self._reader.announce(view, planned)
        batch = self._reader.read(view, planned)
        return Delivery(batch, seconds=planned.seconds, counts=planned.counts)

    def finish(self) -> None:
        """Forget what was announced; plugins learn of the end by ``post_epoch``."""
        self._plans.clear()
        self._failure = None

    close = finish

    def _announce(self, number: int, window: int) -> None:
        ahead = sum(len(plan.indices) for n, plan, _ in self._plans if n > number)
        while self._next <= number or ahead < window:
            if self._failure is not None:
                raise self._failure
            ticket = self._ahead(self._next)
            if ticket is None:
                return
            planned, provider = self._plan(ticket)
            self._reader.announce(self._view, planned)
            self._plans.append((self._next, planned, provider))
            ahead += len(ticket) if self._next > number else 0
            self._next += 1

    def _plan(self, ticket: Ticket) -> tuple[PlannedBatch, SlotProvider | None]:
        provider = self._reader.hooks.allocate_batch(spec=self._spec)
        slot = provider.take(self._run) if provider is not None else None
        root = provider.lease(slot, self._run) if provider is not None and slot is not None else None
        return PlannedBatch(ticket, root), provider
