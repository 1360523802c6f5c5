"""Regions handed out to whoever computes, and the account of what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from cellmap_data.config import raise_faults
from cellmap_data.errors import PredictionError, message


class Future(Protocol):
    """Work that was handed out."""

    def result(self) -> Any:
        """Wait for it; raises what the work raised."""

    def add_done_callback(self, callback: Callable[[Any], Any], /) -> Any:
        """Have ``callback(future)`` called, in any thread, when the work is done, failed or given up."""

    def cancel(self) -> Any:
        """Give up work that nobody has begun."""


class Executor(Protocol):
    """What hands out work: the executors of ``concurrent.futures``, and what has this method of theirs.

    The work is a function that can be imported, its arguments can be pickled. It may be done twice, and by
    two at once: a region comes out the same each time.
    """

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future:
        """Hand out a call, and return at once."""


class Foreman:
    """Hands out regions, a bounded number at a time, and again where they fail.

    Parameters
    ----------
    submit : callable
        Hands out a region.
    at_once : int
        How many regions may be handed out and not finished.
    retries : int
        How often a region that failed is tried again.
    finished : callable
        Called after each region that came back without an error.
    """

    def __init__(
        self, submit: Callable[[int], Future], at_once: int, retries: int, finished: Callable[[], None]
    ) -> None:
        self._submit, self._at_once, self._retries, self._finished = submit, at_once, retries, finished
        self._attempts: Counter[int] = Counter()
        self._given_up: dict[int, BaseException] = {}

    def run(self, regions: Iterable[int]) -> None:
        """Have regions done.

        Raises
        ------
        PredictionError
            If regions failed too often, naming them, after all that had been begun came to an end; or if the
            executor takes no more.
        """
        waiting, again = iter(regions), list[int]()
        under_way: dict[int, Future] = {}
        back: SimpleQueue[int] = SimpleQueue()
        try:
            while True:
                for region in self._next(again, waiting, self._at_once - len(under_way)):
                    under_way[region] = future = self._hand_out(region)
                    future.add_done_callback(partial(_come_back, back, region))
                if not under_way:
                    break
                region = back.get()
                try:
                    under_way.pop(region).result()
                except Exception as error:  # noqa: BLE001 - told when all have come back
                    if self.failed(region, error):
                        again.append(region)
                else:
                    self._finished()
        finally:
            for future in under_way.values():
                future.cancel()
        self.check()

    def _hand_out(self, region: int) -> Future:
        """Work on a region; PredictionError where the executor does not take it, as a pool that is broken."""
        try:
            return self._submit(region)
        except Exception as error:
            again = ", which had failed before" if self._attempts[region] else ""
            raise PredictionError(
                message(
                    "An executor does not take work.",
                    place=f"region {region}{again}",
                    expected="an executor that is neither broken nor shut down",
                    got=f"{type(error).__name__}: {error}",
                    hint="what came back without an error is written; resume=True goes on with the rest, "
                    "with a new executor; a pool of processes is to start them by 'forkserver' or 'spawn'",
                )
            ) from error

    def failed(self, region: int, error: BaseException) -> bool:
        """Take note of a failure; whether the region may be tried again."""
        self._attempts[region] += 1
        may = self._attempts[region] <= self._retries
        if not may:
            self._given_up[region] = error
        return may

    def check(self) -> None:
        """PredictionError if regions were given up, naming them and why."""
        causes = self._given_up
        if not causes:
            return
        faults = [
            f"region {region}, tried {self._attempts[region]} times: {causes[region]}"
            for region in sorted(causes)
        ]
        try:
            raise_faults(
                PredictionError,
                "Regions could not be predicted.",
                faults,
                hint="what came back without an error is written; resume=True goes on with the rest",
            )
        except PredictionError as error:
            raise error from next(iter(causes.values()))

    def _next(self, again: list[int], waiting: Iterator[int], room: int) -> Iterator[int]:
        """As many regions as there is room for; none any more once one was given up."""
        for _ in range(0 if self._given_up else room):
            region = again.pop() if again else next(waiting, None)
            if region is None:
                return
            yield region


def _come_back(back: SimpleQueue[int], region: int, _: object) -> None:
    back.put(region)
