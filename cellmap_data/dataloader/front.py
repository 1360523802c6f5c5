"""What frameworks see: a DataLoader whose batch sampler yields tickets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch.utils.data import DataLoader

from cellmap_data.dataloader.engine import Engine
from cellmap_data.dataloader.schedule import Ticket


class TicketLoader(DataLoader[Any]):
    """A DataLoader that takes this rank's share of the epoch; it keeps the engine alive.

    A framework that prepares it builds a DataLoader of its own around the batch sampler, which then yields
    the whole epoch: who wraps splits, and nobody splits twice. Iterated itself it does what a stock one does,
    without torch's range for the profiler around each batch: that lets go of Python's lock when the next
    reads have just begun, and waits a millisecond or two to have it back.
    """

    @classmethod
    def of(cls, engine: Engine, dataset: Any, batch_size: int | None, drop_last: bool) -> TicketLoader:
        """The DataLoader in front of an engine. Its constructor is torch's, for who makes another like it."""
        tickets = Tickets(engine, batch_size, drop_last)
        return cls(TicketDataset(dataset), batch_sampler=tickets, collate_fn=engine.exchange)  # type: ignore[arg-type]

    def __iter__(self) -> Any:
        tickets = self.batch_sampler
        with self._split():
            if (
                isinstance(tickets, Tickets)
                and isinstance(self.dataset, TicketDataset)
                and not self.num_workers
            ):
                return map(self.collate_fn, iter(tickets))
            return super().__iter__()

    def __len__(self) -> int:
        with self._split():
            return super().__len__()

    def _split(self) -> AbstractContextManager[None]:
        tickets = self.batch_sampler
        return tickets.split() if isinstance(tickets, Tickets) else nullcontext()


class TicketDataset:
    """The dataset of the front: it hands tickets on instead of reading them.

    ``dataset`` is the real one, and so is what single indices give.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __getitems__(self, ticket: Ticket) -> Ticket:
        """The ticket itself."""
        return ticket


class Tickets:
    """The batch sampler of the front: each iteration is a run.

    ``batch_size`` and ``drop_last`` are there for frameworks that ask a batch sampler for them.
    """

    def __init__(self, engine: Engine, batch_size: int | None, drop_last: bool) -> None:
        self._engine, self.batch_size, self.drop_last = engine, batch_size, drop_last
        self._split = False

    @contextmanager
    def split(self) -> Iterator[None]:
        """Be this rank's share meanwhile, for whoever asks."""
        self._split = True
        try:
            yield
        finally:
            self._split = False

    def __iter__(self) -> Iterator[Ticket]:
        return self._engine.begin(self._split).tickets()

    def __len__(self) -> int:
        return len(self._engine.schedule.share(self._split))
