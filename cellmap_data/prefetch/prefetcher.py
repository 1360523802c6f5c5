"""The face of reading ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from cellmap_data.config import counted
from cellmap_data.errors import ExhaustedError, LoaderError, message
from cellmap_data.prefetch.run import Run

Item = TypeVar("Item")
Result = TypeVar("Result")


class Prefetcher(Generic[Item, Result]):
    """Calls a function on one item after the other in background threads, ahead of being asked.

    ::

        with Prefetcher(dataset.__getitem__) as samples:
            samples.start(range(1000))
            for sample in samples:
                ...

    Results come in the order of the items, however many threads there are. What ``fetch_fn`` raises is
    raised by the ``get`` of its item; the items after it are not affected. All methods may be called from
    any thread.

    The threads are daemons that hold no reference while they wait: a prefetcher nobody refers to is
    collected and its threads end, and none of them keeps the interpreter from exiting.

    Parameters
    ----------
    fetch_fn
        Makes the result of an item; called in the background threads, by several at a time.
    max_prefetch
        How many items may be begun and not yet taken: a strict bound on memory.
    threads
        How many items are worked on at a time.

    Raises
    ------
    ConfigurationError
        When a number counts nothing.
    """

    def __init__(self, fetch_fn: Callable[[Item], Result], max_prefetch: int = 8, threads: int = 2) -> None:
        self.fetch_fn = fetch_fn
        self.max_prefetch = counted("max_prefetch", max_prefetch, 1)
        self.threads = counted("threads", threads, 1)
        self._run: Run[Item, Result] | None = None

    def start(self, indices: Iterable[Item] = ()) -> Self:
        """Begin with the items of ``indices``, from which no more are taken than may be read ahead.

        A run that is under way is stopped first; what it had read is thrown away.
        """
        self.stop()
        self._run = Run(self.fetch_fn, iter(indices), self.max_prefetch)
        self._run.start(min(self.threads, self.max_prefetch))
        return self

    def submit(self, *items: Item) -> None:
        """Append items, to come after all that was given before; never waits.

        Raises
        ------
        LoaderError
            When the prefetcher is not running.
        """
        self._started().submit(items)

    def get(self, timeout: float | None = None) -> Result:
        """The result of the next item, waiting for it if need be.

        Parameters
        ----------
        timeout
            Seconds to wait at most; the item is not lost, a later call gets it. None waits for ever.

        Raises
        ------
        ExhaustedError
            When every item was taken, or when the prefetcher was stopped: also while waiting.
        ReadTimeoutError
            When the time is over.
        LoaderError
            When it was never started.
        Exception
            Whatever ``fetch_fn`` raised for this item, the same object with its traceback. An error of the
            iterable given to ``start`` takes the place of its next item and ends the iterable.
        """
        place = self._started().take(timeout)
        if place is None:
            raise ExhaustedError(
                message("nothing is left to get", hint="start again, or submit more items before asking")
            )
        return place.value()

    def stop(self) -> None:
        """Throw away what was not taken and end the threads; may be called again, and from any thread.

        Waits for what runs in ``fetch_fn`` (or in the iterable given to ``start``) at this moment, for
        nothing else. Called by ``fetch_fn`` itself it does not wait at all.
        """
        if self._run is not None:
            self._run.stop()

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        place = self._started().take()
        if place is None:
            raise StopIteration
        try:
            return place.value()
        except StopIteration as error:
            raise LoaderError("fetch_fn raised StopIteration, which would end a loop in silence") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _started(self) -> Run[Item, Result]:
        if self._run is None:
            raise LoaderError(message("the prefetcher was not started", hint="call start(indices) first"))
        return self._run
