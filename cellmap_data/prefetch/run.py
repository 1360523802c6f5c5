"""One run of a prefetcher, from its start to its stop."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from cellmap_data.errors import LoaderError, ReadTimeoutError, message

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_AT_EXIT = 5.0


class Place(Generic[Result]):
    """Where the result of one item will be, or its error."""

    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        self.done = False
        self.error: BaseException | None = None
        self.result: Result

    def value(self) -> Result:
        """The result; raises the error if there is one, once."""
        if self.error is None:
            return self.result
        error, self.error = self.error, None
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame


class Run(Generic[Item, Result]):
    """The items, results and threads of one run.

    Threads wait for *permits*; each lets one item be begun. A permit is free, or waits in the queue for a
    thread, or belongs to an item that was begun and not taken: their sum is ``limit`` at all times, which is
    the bound. Several come as one number: the thread that takes it puts back what it does not use, and so
    wakes the next, which costs a consumer that submits less than to wake them all. A waiting thread knows
    the queue and nothing else, so a run can be collected; the finalizer only puts into the queue, which
    unlike a lock is safe inside a garbage collection.
    """

    def __init__(self, fetch: Callable[[Item], Result], items: Iterator[Item], limit: int) -> None:
        self._fetch = fetch
        self._items: Iterator[Item] | None = items
        self._submitted: deque[Item] = deque()
        self._places: deque[Place[Result]] = deque()
        self._free = limit
        self._drawing = threading.Lock()  # held while the next item is drawn, for places to keep its order
        self._changed = threading.Condition()  # guards all the rest
        self._permits: SimpleQueue[int] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def start(self, threads: int) -> None:
        """Start that many threads and hand out all permits."""
        arguments = self._permits, weakref.ref(self)
        for number in range(threads):
            name = f"cellmap-data-prefetch-{number}"
            self._threads.append(threading.Thread(target=_work, args=arguments, name=name, daemon=True))
        weakref.finalize(self, _dismiss, self._permits, threads).atexit = False
        _running.add(self)
        for thread in self._threads:
            thread.start()
        with self._changed:
            self._offer(self._free)

    def submit(self, items: Sequence[Item]) -> None:
        """Append items."""
        with self._changed:
            if self._stopped:
                raise LoaderError(message("the prefetcher was stopped", hint="call start(indices) again"))
            self._submitted += items
            self._offer(len(items))

    def take(self, timeout: float | None = None) -> Place[Result] | None:
        """The next item's place as soon as it is done; None when there is none, or after ``stop``."""
        with self._changed:
            if not self._changed.wait_for(self._can_answer, timeout):
                raise ReadTimeoutError(message("the next item is not ready", expected=f"within {timeout} s"))
            if not self._places:
                return None
            self._free += 1
            self._offer(1)
            return self._places.popleft()

    def stop(self, timeout: float | None = None) -> None:
        """Throw everything away and wait for the threads, each for at most ``timeout`` seconds."""
        with self._changed:
            self._stopped = True
            self._items = None
            self._submitted.clear()
            self._places.clear()
            self._changed.notify_all()
        _dismiss(self._permits, len(self._threads))
        if threading.current_thread() in self._threads:
            return  # two of them waiting for each other would wait for ever
        for thread in self._threads:
            thread.join(timeout)

    def work(self) -> None:
        """Use one permit: begin the next item, if there is one."""
        with self._drawing:
            drawn = self._draw()
        if drawn is None:
            return
        place, item = drawn
        try:
            place.result = self._fetch(item)
        except BaseException as error:  # noqa: BLE001 - it is raised by the get of this item
            place.error = _without_this_frame(error)
        with self._changed:
            place.done = True
            self._changed.notify_all()

    def _draw(self) -> tuple[Place[Result], Item] | None:
        failure: BaseException | None = None
        if (items := self._items) is not None:
            try:
                return self._place(next(items))
            except StopIteration:
                pass
            except BaseException as error:  # noqa: BLE001 - it is raised by the get of the item that is not
                failure = _without_this_frame(error)
        with self._changed:
            self._items = None
            self._changed.notify_all()
            if failure is not None and not self._stopped:
                failed: Place[Result] = Place()
                failed.error, failed.done = failure, True
                self._places.append(failed)
            elif self._submitted:
                return self._place(self._submitted.popleft())
            else:
                self._free += 1
        return None

    def _place(self, item: Item) -> tuple[Place[Result], Item] | None:
        with self._changed:
            if self._stopped:
                return None
            place: Place[Result] = Place()
            self._places.append(place)
            return place, item

    def _offer(self, count: int) -> None:
        """Hand out that many permits, as far as they are free, if there may be items for them."""
        count = min(count, self._free)
        if count and self._may_have_items():
            self._free -= count
            self._permits.put(count)

    def _may_have_items(self) -> bool:
        return self._items is not None or bool(self._submitted)

    def _can_answer(self) -> bool:
        if self._places:
            return self._places[0].done
        return not self._may_have_items()


def _work(permits: SimpleQueue[int], owner: weakref.ref[Run[Item, Result]]) -> None:
    while count := permits.get():
        if count > 1:
            permits.put(count - 1)
        run = owner()
        if run is None:
            return
        run.work()
        del run  # else a waiting thread would keep it alive


def _dismiss(permits: SimpleQueue[int], threads: int) -> None:
    for _ in range(threads):
        permits.put(0)


def _without_this_frame(error: BaseException) -> BaseException:
    """The error with a traceback that begins in the called function: our frame would keep the run alive."""
    return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)


_running: weakref.WeakSet[Run[Any, Any]] = weakref.WeakSet()
os.register_at_fork(after_in_child=_running.clear)


@atexit.register
def _stop_all() -> None:
    """Have daemon threads end before the interpreter does: one in native code then could crash it."""
    for run in list(_running):
        run.stop(_SECONDS_AT_EXIT)
