"""One pass over a loader: tickets go out to whoever iterates, batches come back, hooks fire around them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

from cellmap_data.dataloader.delivery import Delivery
from cellmap_data.dataloader.profiling import profiled
from cellmap_data.dataloader.reading import fields_of
from cellmap_data.dataloader.relay import HookRelay
from cellmap_data.dataloader.report import Report
from cellmap_data.dataloader.sampled import follow
from cellmap_data.dataloader.schedule import Share, Ticket
from cellmap_data.dataloader.sources import Source
from cellmap_data.errors import ShardedTwiceError, StaleIteratorError, message
from cellmap_data.sampler import Clock, Point, SampleIndex


class Run:
    """The state of one epoch while it is iterated.

    Parameters
    ----------
    owner
        What ``pre_epoch`` and ``post_epoch`` are told is the loader; kept alive until the run ends.
    hooks, source, report
        Who is told, who reads, who keeps count.
    share
        What this process takes of the epoch.
    clock
        Says where to begin, and is told how far the consumer has come.
    pace
        Every how many batches the consumer is expected to take, because other ranks take those between: what
        is not taken is not read. If it takes others, all are read from there on.
    """

    epoch: int
    _point: Point
    _tickets: _Tickets

    def __init__(
        self,
        owner: Any,
        hooks: HookRelay,
        source: Source,
        report: Report,
        share: Share,
        clock: Clock,
        pace: int,
    ) -> None:
        self._owner, self._hooks, self._source, self._report = owner, hooks, source, report
        self._share, self._clock, self._pace = share, clock, pace
        self._wanted: int | None = None
        self._delivered: Any = None
        self._delivered_at = self._cpu_then = 0.0
        self._state: Literal["new", "running", "ended"] = "new"
        self._closed = ""

    @property
    def is_running(self) -> bool:
        """Whether more batches may be asked for."""
        return self._state == "running"

    def tickets(self) -> Iterator[Ticket]:
        """What the batch sampler yields; everything that happens between batches happens here."""
        try:
            self._begin()
            number = 0
            while self._goes_on() and (ticket := self._tickets.at(number)) is not None:
                yield ticket
                if self._goes_on():
                    self._settle()
                number += 1
            if self._state == "running":
                self._clock.finish()
        finally:
            self.end()

    def number_of(self, ticket: list[int]) -> int | None:
        """The batch number of a ticket that came back unchanged and in order; None for any other."""
        first = ticket[0] if ticket else None
        if self._state != "running" or not isinstance(first, SampleIndex):
            return None
        wanted = 0 if self._wanted is None else self._wanted
        return self._tickets.find(ticket, wanted)

    def deliver(self, number: int) -> Delivery:
        """The batch of a number, from the source.

        Raises
        ------
        ShardedTwiceError
            When tickets are missing in between although this rank already has only its own share.
        """
        start = time.perf_counter()
        with profiled("wait"):
            delivery = self._get(number)
        self._wanted = number + 1
        ticket = self._tickets.forget(self._wanted)
        if ticket is not None:
            self._point = self._point._replace(place=self._share.after(ticket), trail=self._tickets.trail)
        self._report.add(delivery, time.perf_counter() - start)
        here = self._hooks.take_account()
        self._report.account.add(here)
        if delivery.error is not None:
            raise delivery.error from delivery.cause
        self._report.check_limits({plugin for plugin, _ in (*delivery.account.skipped, *here.skipped)})
        return delivery

    def _get(self, number: int) -> Delivery:
        if self._wanted is None:
            self._start(number, self._pace)
        elif number > self._wanted and self._share.world_size > 1:
            raise ShardedTwiceError(
                message(
                    "the batches of this rank were split over ranks once more",
                    expected=f"batch {self._wanted} of this rank",
                    got=f"batch {number}",
                    hint="let one party split: leave rank and world_size out if a framework does",
                )
            )
        elif (number - self._first) % self._pace:
            self._source.finish()
            self._start(number, 1)
        return self._source.get((number - self._first) // self._pace)

    def _start(self, first: int, pace: int) -> None:
        """Let the source begin with a batch, and count on from there at a pace."""
        self._first, self._pace = first, pace
        tickets = self._tickets  # and not the run, which would not be freed before the source is
        self._source.start(lambda number: tickets.at(first + number * pace))

    def hand_over(self, batch: Any) -> None:
        """Remember what the consumer has in hand, for ``post_batch``, which the one before is due now."""
        self._settle()
        self._delivered, self._delivered_at = batch, time.perf_counter()
        self._cpu_then = time.thread_time()
        self._clock.reach(self._point)
        if self._state != "running":
            self._settle()  # nobody will ask for a next one

    def close(self, reason: str) -> None:
        """End this run before its time; whoever goes on with it is told the reason."""
        if self._state != "ended":
            self._closed = reason  # first: another thread may ask for the next batch meanwhile
            self.end()

    def end(self) -> None:
        """End the run, once: the last batch is settled, the source is released, ``post_epoch`` fires."""
        if self._state != "running":
            if self._state == "new":
                self._state, self._owner = "ended", None
            return
        self._state = "ended"
        if self._share.is_over(self._clock.point.place):
            self._clock.finish()
        try:
            self._settle()
        finally:
            try:
                self._source.finish()
            finally:
                owner, self._owner = self._owner, None
                self._hooks.post_epoch(loader=owner, epoch=self.epoch)
                self._report.account.add(self._hooks.take_account())
                self._report.tell_skipped(self.epoch)

    def _begin(self) -> None:
        """Take the coming epoch: an iterator that nobody asks for a batch uses up none."""
        if self._state == "new":
            self._state, self._point = "running", self._clock.begin()
            self.epoch = self._point.epoch
            self._tickets = _Tickets(self._share.batches(self._clock.seed, self._point), self._point.trail)
            self._hooks.pre_epoch(loader=self._owner, epoch=self.epoch)

    def _goes_on(self) -> bool:
        if self._closed:
            raise StaleIteratorError(self._closed)
        return self._state == "running"

    def _settle(self) -> None:
        batch, self._delivered = self._delivered, None
        if batch is not None:
            self._report.seconds["step"] += time.perf_counter() - self._delivered_at
            self._report.seconds["step_cpu"] += max(0.0, time.thread_time() - self._cpu_then)
            self._hooks.post_batch(batch=fields_of(batch))


class _Tickets:
    """The tickets of an epoch, made once and read by two: the iterator, and the source ahead of it.

    What a sampler raises it raises to both: the source may ask first, and is not the one to end the epoch.
    """

    def __init__(self, batches: Iterator[Ticket], trail: int) -> None:
        self._batches, self.trail = batches, trail
        self._known: deque[Ticket] = deque()
        self._first = 0
        self._failure: Exception | None = None

    def at(self, number: int) -> Ticket | None:
        """The ticket of a number that is not forgotten yet; None past the end."""
        while number >= self._first + len(self._known):
            ticket = self._made()
            if ticket is None:
                return None
            self._known.append(ticket)
        return self._known[number - self._first]

    def _made(self) -> Ticket | None:
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._batches, None)
        except Exception as error:
            self._failure = error
            raise

    def find(self, ticket: list[int], start: int) -> int | None:
        """The number of an equal ticket at ``start`` or later, among those that were made."""
        draws = [getattr(index, "draw", None) for index in ticket]
        for number in range(max(start, self._first), self._first + len(self._known)):
            known = self._known[number - self._first]
            if known == ticket and [index.draw for index in known] == draws:
                return number
        return None

    def forget(self, before: int) -> Ticket | None:
        """Drop the tickets below a number, and return the last of them; ``trail`` goes on over them all."""
        ticket = None
        while self._known and self._first < before:
            ticket = self._known.popleft()
            self.trail = follow(ticket, self.trail)
            self._first += 1
        return ticket
