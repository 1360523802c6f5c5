"""Batches from worker processes."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from cellmap_data import storage
from cellmap_data.buffers import BatchSpec, SharedMemory, SlotProvider
from cellmap_data.dataloader.board import Board
from cellmap_data.dataloader.delivery import Delivery, Place, register
from cellmap_data.dataloader.reading import BatchReader
from cellmap_data.dataloader.sources import Ahead
from cellmap_data.dataloader.workers import (
    Plan,
    WorkerDataset,
    WorkerSetup,
    check_picklable,
    start_context,
    unchanged,
)
from cellmap_data.errors import LoaderError, ReadTimeoutError, WorkerDiedError, message
from cellmap_data.sampler import Clock


class WorkerSource:
    """Reads in worker processes that write into shared slots.

    Behind it stands a stock DataLoader, whose batch sampler yields plans instead of indices. It is started
    with the first batch that is wanted, kept if workers are persistent, dropped after any error or change.

    Parameters
    ----------
    reader
        What reads a batch; pickled to the workers.
    spec
        The kind of memory to ask for.
    clock
        Its seed is passed to ``setup_worker``.
    options
        Arguments of the DataLoader: num_workers, prefetch_factor, timeout, persistent_workers,
        multiprocessing_context, worker_init_fn.
    """

    def __init__(self, reader: BatchReader, spec: BatchSpec, clock: Clock, options: dict[str, Any]) -> None:
        self._reader, self._spec, self._clock, self._options = reader, spec, clock, options
        self._loader: DataLoader[Any] | None = None
        self._batches: Iterator[Delivery] | None = None
        self._torch_iterator: Any = None
        self._provider: SlotProvider | None = None
        self._board: Board | None = None
        self._run = 0
        self._runs: set[int] = set()
        self._failure: Exception | None = None

    def start(self, ahead: Ahead) -> None:
        """Begin with batch number 0; workers start with the first ``get``."""
        self._ahead, self._next = ahead, 0
        self._batches = self._failure = None

    def get(self, number: int) -> Delivery:
        """Wait for the batch of that number, or the error that a worker sends instead.

        Raises
        ------
        WorkerDiedError
            When a worker process has ended.
        ReadTimeoutError
            When a batch takes longer than the option ``timeout``.
        """
        try:
            if self._batches is None:
                self._batches = self._begin()
            ready = self._ready()
            while True:
                delivery = self._receive(self._batches)
                self._next += 1
                if self._provider is not None:
                    self._provider.expect(delivery.needed)
                if delivery.error is not None:
                    self.close()
                    return delivery
                if self._next > number:
                    delivery.counts.append(("ready", ready))
                    return delivery
        except BaseException:
            self.close()
            raise

    def look_ahead(self) -> None:
        """Nothing: torch keeps its workers busy."""

    def finish(self) -> None:
        """Let workers skip what they have not begun; end them unless they are persistent."""
        if self._board is not None:
            self._board.run = 0
        self._batches = None
        if not self._options["persistent_workers"]:
            self.close()

    def close(self) -> None:
        """End the workers; afterwards no slot belongs to them."""
        if self._torch_iterator is not None:
            # Dropping it would do, were it not for tracebacks, which keep it and its workers alive.
            self._torch_iterator._shutdown_workers()
        self._batches = self._torch_iterator = self._loader = None
        if self._provider is not None:
            self._provider.reclaim(self._run)
            self._provider.forget_holders(self._runs)
        self._provider = self._board = None

    def plan(self, number: int) -> Plan | None:
        """The plan of a batch, made when torch asks for it to keep its workers busy; None for no more.

        What goes wrong is raised when all batches before have been received, which torch would lose.
        """
        try:
            return self._planned(number)
        except Exception as error:  # noqa: BLE001 - raised when the batch is wanted that it concerns
            self._failure = error
            return None

    def _planned(self, number: int) -> Plan | None:
        ticket = self._ahead(number)
        if ticket is None:
            return None
        seed, epoch = ticket[0].draw.seed, ticket[0].draw.epoch
        ks = tuple(index.draw.k for index in ticket)
        return Plan(self._run, seed, epoch, tuple(map(int, ticket)), ks, self._place())

    def _ready(self) -> int:
        """How many batches workers have finished that were not received yet."""
        return self._board.counted(self._run) - self._next if self._board is not None else 0

    def _receive(self, batches: Iterator[Delivery]) -> Delivery:
        try:
            delivery = next(batches, None)
        except RuntimeError as error:
            # torch reports what happened to a worker with plain RuntimeErrors, and what was raised in one
            # with the same type and a text that begins with "Caught".
            if type(error) is not RuntimeError or str(error).startswith("Caught"):
                raise
            raise _explained(error) from error
        if delivery is None and self._failure is not None:
            raise self._failure
        if delivery is None or delivery.is_empty:
            raise LoaderError(message("workers delivered nothing", place=f"batch {self._next}"))
        return delivery

    def _begin(self) -> Iterator[Delivery]:
        if self._loader is None or self._current_version() != self._version:
            self.close()
            self._loader = self._start_loader()
        closed, self._run = self._run, SlotProvider.new_run()
        self._runs.add(self._run)
        assert self._board is not None, "_start_loader() made it"
        self._board.run = self._run
        self._torch_iterator = iter(self._loader)
        if self._provider is not None:
            self._provider.reclaim(closed)  # persistent workers have drained: nothing of it is on its way
        return self._torch_iterator  # type: ignore[no-any-return]

    def _start_loader(self) -> DataLoader[Any]:
        self._version = self._current_version()
        self._provider = self._reader.hooks.allocate_batch(spec=self._spec)
        memory = self._provider.memory if self._provider is not None else None
        self._runs.clear()
        self._board = Board(len(self._reader.hooks.switches), self._options["num_workers"])
        self._reader.hooks.publish(self._board)
        setup = WorkerSetup(
            self._reader.hooks,
            self._options["num_workers"],
            self._clock.seed,
            self._options["worker_init_fn"],
            storage.cache_budget(),
        )
        context = start_context(self._options["multiprocessing_context"])
        if context.get_start_method() != "fork":
            parts = {"dataset": self._reader.dataset, "collate_fn": self._reader.collate_fn}
            check_picklable(parts | {"worker_init_fn": setup.worker_init_fn})
        return DataLoader(
            WorkerDataset(self._reader, self._board, memory if isinstance(memory, SharedMemory) else None),  # type: ignore[arg-type]
            batch_sampler=_Plans(self),  # type: ignore[arg-type]
            collate_fn=unchanged,
            generator=torch.Generator(),  # the user's own generator is not drawn from
            **{**self._options, "worker_init_fn": setup, "multiprocessing_context": context},
        )

    def _current_version(self) -> tuple[int, int]:
        """What changes when copies in workers are out of date; some datasets have a ``revision`` for that."""
        return self._reader.hooks.version, getattr(self._reader.dataset, "revision", 0)

    def _place(self) -> Place | None:
        provider = self._reader.hooks.allocate_batch(spec=self._spec)
        if provider is None or provider is not self._provider:
            return None
        slot = provider.take(self._run)
        return Place(register(provider), self._run, *slot.place) if slot else None


class _Plans:
    """The batch sampler of the private DataLoader, which the source owns: so the reference here is weak."""

    def __init__(self, source: WorkerSource) -> None:
        self._source = weakref.ref(source)

    def __iter__(self) -> Iterator[Plan]:
        for number in itertools.count():
            source = self._source()
            plan = source.plan(number) if source else None
            del source
            if plan is None:
                return
            yield plan


def _explained(error: RuntimeError) -> LoaderError:
    if "timed out" in str(error):
        return ReadTimeoutError(
            message("a batch did not come in time", got=error, hint="raise timeout, or add workers")
        )
    return WorkerDiedError(
        message(
            "a worker process ended while batches were expected of it",
            got=error,
            hint=(
                "if it was killed, the machine may have run out of memory; if it ended at once, see its own "
                "traceback above: a script that starts workers must start them below "
                "`if __name__ == '__main__':`"
            ),
        )
    )
