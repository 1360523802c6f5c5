"""Reading ahead, with real threads."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError, ExhaustedError, LoaderError, ReadTimeoutError
from cellmap_data.prefetch import Prefetcher

SIZES = [
    pytest.param(limit, threads, id=f"{limit}-ahead-{threads}-threads")
    for limit, threads in itertools.product([1, 2, 8], [1, 2, 5])
]


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("cellmap-data-prefetch")]


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> Iterator[None]:
    yield
    if ours():  # those of a prefetcher that nobody refers to, or about to end
        gc.collect()
    assert wait_until(lambda: not ours())


@pytest.mark.parametrize(("limit", "threads"), SIZES)
def test_results_come_in_the_order_of_the_items(limit: int, threads: int) -> None:
    """Order holds although later items are often ready before earlier ones."""

    def fetch(item: int) -> int:
        time.sleep(0.002 if item % 3 == 0 else 0)
        return item * item

    with Prefetcher(fetch, limit, threads) as prefetcher:
        assert list(prefetcher.start(range(60))) == [i * i for i in range(60)]


@pytest.mark.parametrize(("limit", "threads"), SIZES)
def test_never_more_than_the_limit_is_begun_and_not_taken(limit: int, threads: int) -> None:
    """The bound is strict at every moment, also in what is drawn from the iterable."""
    taken = 0
    drawn: list[int] = []
    excess: list[int] = []

    def items() -> Iterator[int]:
        for item in range(200):
            drawn.append(item)
            yield item

    def fetch(item: int) -> int:
        if item >= taken + limit + 1:  # one more than it seems: `taken` is counted after the take
            excess.append(item)
        return item

    with Prefetcher(fetch, limit, threads) as prefetcher:
        prefetcher.start(items())
        assert wait_until(lambda: len(drawn) == limit)
        time.sleep(0.01)
        assert len(drawn) == limit
        for expected in range(200):
            assert prefetcher.get() == expected
            taken += 1
    assert not excess


def test_items_may_be_endless() -> None:
    """The iterable is consumed lazily."""
    with Prefetcher(lambda item: item, 3) as prefetcher:
        prefetcher.start(itertools.count())
        assert list(itertools.islice(prefetcher, 10)) == list(range(10))


def fails_on_three(item: int) -> int:
    if item == 3:
        raise KeyError(item)
    return item


def test_an_error_is_raised_by_the_get_of_its_item() -> None:
    """The same exception comes with the traceback of where it arose; later items go on."""
    with Prefetcher(fails_on_three, 4) as prefetcher:
        prefetcher.start(range(6))
        results: list[int | type[BaseException]] = []
        for _ in range(6):
            try:
                results.append(prefetcher.get())
            except KeyError as error:
                frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
                assert frames[-1] == "fails_on_three"
                results.append(KeyError)
    assert results == [0, 1, 2, KeyError, 4, 5]


def test_an_error_of_the_iterable_takes_the_place_of_its_next_item() -> None:
    """What was drawn before is delivered first; nothing comes after."""

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError

    with Prefetcher(lambda item: item) as prefetcher:
        prefetcher.start(items())
        assert [prefetcher.get(), prefetcher.get()] == [1, 2]
        with pytest.raises(ZeroDivisionError):
            prefetcher.get()
        with pytest.raises(ExhaustedError):
            prefetcher.get()


def test_a_stray_stop_iteration_does_not_end_a_loop_in_silence() -> None:
    """``fetch_fn`` cannot make a loop believe that the items are over."""
    with (
        Prefetcher(lambda _: next(iter(()))) as prefetcher,
        pytest.raises(LoaderError, match="StopIteration"),
    ):
        list(prefetcher.start(range(3)))


def test_get_after_the_last_item_says_so() -> None:
    """Nothing blocks for ever on an item that nobody announced."""
    with Prefetcher(str) as prefetcher:
        prefetcher.start([1])
        assert prefetcher.get() == "1"
        for _ in range(2):
            with pytest.raises(ExhaustedError, match="nothing is left"):
                prefetcher.get()


@pytest.mark.parametrize("use", ["get", "submit"])
def test_use_before_start_is_an_error_that_says_so(use: str) -> None:
    """The message names the missing call."""
    prefetcher = Prefetcher(str)
    with pytest.raises(LoaderError, match="not started"):
        prefetcher.get() if use == "get" else prefetcher.submit(1)


@pytest.mark.parametrize("options", [{"max_prefetch": 0}, {"threads": 0}, {"threads": "2"}], ids=str)
def test_sizes_below_one_are_refused(options: dict[str, int]) -> None:
    """A prefetcher that could never deliver cannot be made."""
    with pytest.raises(ConfigurationError, match="an int from 1 on"):
        Prefetcher(str, **options)


def test_a_timeout_loses_nothing() -> None:
    """The item that was not ready is what the next get returns."""
    gate = threading.Event()

    def fetch(item: int) -> int:
        gate.wait()
        return item

    with Prefetcher(fetch) as prefetcher:
        prefetcher.start([7, 8])
        with pytest.raises(ReadTimeoutError):
            prefetcher.get(timeout=0.01)
        with pytest.raises(TimeoutError):
            prefetcher.get(timeout=0)
        gate.set()
        assert [prefetcher.get(timeout=30), prefetcher.get()] == [7, 8]


@pytest.mark.parametrize(("limit", "threads"), SIZES)
def test_items_can_be_added_while_it_runs(limit: int, threads: int) -> None:
    """Items come after the iterable, in the order of submission, also after everything was taken."""
    with Prefetcher(lambda item: -item, limit, threads) as prefetcher:
        prefetcher.start(range(5))
        for item in range(5, 30):
            prefetcher.submit(item)
        assert list(prefetcher) == [-item for item in range(30)]
        for item in range(30, 60):
            prefetcher.submit(item)
            assert prefetcher.get() == -item
        for item in range(60, 90):
            prefetcher.submit(item)
        assert list(prefetcher) == [-item for item in range(60, 90)]


def test_submission_and_consumption_from_two_threads() -> None:
    """A feeder that runs beside the consumer loses nothing and wakes the threads every time."""
    with Prefetcher(lambda item: item, 2, 3) as prefetcher:
        prefetcher.start()
        available = threading.Semaphore(0)

        def feed() -> None:
            for item in range(2000):
                prefetcher.submit(item)
                available.release()

        feeder = threading.Thread(target=feed)
        feeder.start()
        results = []
        for _ in range(2000):
            available.acquire()
            results.append(prefetcher.get(timeout=30))
        feeder.join()
    assert results == list(range(2000))


def test_starting_again_begins_afresh() -> None:
    """Nothing of an earlier run reaches a later one."""
    prefetcher = Prefetcher(lambda item: item, 4)
    for first in range(0, 2000, 100):
        prefetcher.start(range(first, first + 100))
        assert [prefetcher.get() for _ in range(first % 7)] == list(range(first, first + first % 7))
    prefetcher.stop()
    with pytest.raises(ExhaustedError):
        prefetcher.get()
    with pytest.raises(LoaderError, match="stopped"):
        prefetcher.submit(1)
    assert list(prefetcher.start(range(3))) == [0, 1, 2]


@pytest.mark.parametrize("taken", [0, 1, 20], ids=["untouched", "begun", "finished"])
def test_stop_works_in_every_state_and_twice(taken: int) -> None:
    """With the read-ahead full or empty, no thread is left when stop returns."""
    prefetcher = Prefetcher(lambda item: item, 4)
    prefetcher.stop()
    prefetcher.start(range(20))
    for _ in range(taken):
        prefetcher.get()
    prefetcher.stop()
    assert not ours()
    prefetcher.stop()


def test_stop_from_another_thread_releases_a_waiting_consumer() -> None:
    """A blocked get ends with an error instead of waiting for ever, a blocked loop ends."""
    gate = threading.Event()
    prefetcher: Prefetcher[int, bool] = Prefetcher(lambda _: gate.wait())
    prefetcher.start([1, 2])
    outcome: list[object] = []

    def consume() -> None:
        try:
            prefetcher.get()
        except ExhaustedError as error:
            outcome.append(error)

    consumer = threading.Thread(target=consume)
    consumer.start()
    stopper = threading.Thread(target=prefetcher.stop)
    stopper.start()
    consumer.join(30)
    assert len(outcome) == 1
    assert stopper.is_alive()  # it waits for what runs, and for nothing else
    gate.set()
    stopper.join(30)
    assert not stopper.is_alive()


def test_stop_within_fetch_does_not_wait_for_itself() -> None:
    """Several threads that give up at the same time do not wait for each other."""
    meet = threading.Barrier(2)

    def fetch(item: int) -> int:
        meet.wait(30)
        prefetcher.stop()
        raise ValueError(item)

    prefetcher = Prefetcher(fetch, 2, 2)
    prefetcher.start([1, 2])
    assert wait_until(lambda: not ours())
    with pytest.raises(ExhaustedError):
        prefetcher.get()


def test_leaving_the_context_by_an_exception_ends_the_threads() -> None:
    """The exception is the consumer's own."""

    def consume() -> None:
        with Prefetcher(lambda item: item) as prefetcher:
            prefetcher.start(itertools.count())
            prefetcher.get()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()
    assert not ours()


class Owner:
    """Holds the prefetcher that calls its own method, as plugins and datasets do."""

    def __init__(self) -> None:
        self.prefetcher = Prefetcher(self.fetch)

    def fetch(self, item: int) -> int:
        if item == 2:
            raise ValueError(item)
        return item


@pytest.mark.parametrize("taken", [0, 2, 5])
def test_an_abandoned_prefetcher_is_collected_with_its_owner(taken: int) -> None:
    """Waiting threads keep nothing alive, and end when what they worked for is gone."""
    owner = Owner()
    owner.prefetcher.start(range(5))
    for item in range(taken):
        if item == 2:
            with pytest.raises(ValueError, match="2"):
                owner.prefetcher.get()
        else:
            owner.prefetcher.get()
    reference = weakref.ref(owner)
    del owner

    def collected() -> bool:
        gc.collect()
        return reference() is None

    assert wait_until(collected)


def test_a_taken_result_is_held_by_nobody() -> None:
    """Neither the prefetcher nor an idle thread keeps what was handed over."""

    class Sample:
        pass

    with Prefetcher(lambda _: Sample()) as prefetcher:
        prefetcher.start(range(3))
        sample = [prefetcher.get(), prefetcher.get(), prefetcher.get()]
        references = [weakref.ref(one) for one in sample]
        sample.clear()
        assert wait_until(lambda: all(reference() is None for reference in references))


@pytest.mark.parametrize("left", ["idle", "full", "reading"])
def test_the_interpreter_exits_with_a_prefetcher_alive(left: str) -> None:
    """A forgotten prefetcher neither keeps the interpreter from exiting nor crashes it."""
    code = f"""
import itertools, time
from cellmap_data.prefetch import Prefetcher
p = Prefetcher({"lambda item: time.sleep(0.2)" if left == "reading" else "int"}, max_prefetch=4)
p.start({"[]" if left == "idle" else "itertools.count()"})
time.sleep(0.05)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 5),
    threads=st.integers(1, 4),
    first=st.integers(0, 12),
    steps=st.lists(st.sampled_from(["submit", "get", "restart"]), max_size=40),
)
def test_any_history_gives_every_item_once_and_in_order(
    limit: int, threads: int, first: int, steps: list[str]
) -> None:
    """Whatever is called in whatever order, the results are those of a plain queue."""
    numbers = itertools.count()
    with Prefetcher(lambda item: item, limit, threads) as prefetcher:
        expected = [next(numbers) for _ in range(first)]
        prefetcher.start(list(expected))
        for step in steps:
            if step == "submit":
                expected.append(next(numbers))
                prefetcher.submit(expected[-1])
            elif step == "restart":
                expected = [next(numbers)]
                prefetcher.start(list(expected))
            elif expected:
                assert prefetcher.get(timeout=30) == expected.pop(0)
            else:
                with pytest.raises(ExhaustedError):
                    prefetcher.get(timeout=30)
        assert list(prefetcher) == expected
    assert not ours()
