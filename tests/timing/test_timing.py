"""Stages are heard by the recording of their thread."""

from __future__ import annotations

import threading
import time

import pytest

from cellmap_data.timing import Recording, count, recording, stage

NAP = 0.005


def nap(name: str) -> None:
    with stage(name):
        time.sleep(NAP)


def test_a_recording_sums_each_stage() -> None:
    """Runs of a stage add up under its name, and all stages together fit into the time that has passed."""
    start = time.perf_counter()
    with recording() as heard:
        seconds = heard.seconds
        assert seconds == {}
        nap("a")
        once = seconds["a"]
        nap("a")
        nap("b")
    assert list(seconds) == ["a", "b"]
    assert seconds["a"] >= once + NAP
    assert sum(seconds.values()) <= time.perf_counter() - start


def test_a_recording_within_a_recording_keeps_to_itself() -> None:
    """What an inner one hears, an outer one does not, and the outer one goes on after it."""
    with recording() as outer:
        with recording() as inner:
            nap("within")
        nap("after")
    assert inner.seconds.keys() == {"within"}
    assert outer.seconds.keys() == {"after"}


def test_threads_are_recorded_separately() -> None:
    """Recordings that run at the same time hear their own thread only."""
    together, told = threading.Barrier(3), {}

    def work(name: str) -> None:
        with recording() as heard:
            together.wait()
            nap(name)
            together.wait()
        told[name] = set(heard.seconds)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    with recording() as heard:
        for thread in threads:
            thread.start()
        together.wait()
        nap("mine")
        together.wait()
    for thread in threads:
        thread.join()
    assert told == {"one": {"one"}, "other": {"other"}}
    assert set(heard.seconds) == {"mine"}


def test_an_exception_ends_stage_and_recording() -> None:
    """The stage that raised is counted, stages and recordings go on as before."""
    with recording() as outer:
        with pytest.raises(ZeroDivisionError), recording() as inner, stage("fails"):
            raise ZeroDivisionError
        nap("next")
    assert inner.seconds.keys() == {"fails"}
    assert outer.seconds.keys() == {"next"}


def test_nothing_is_heard_outside_a_recording() -> None:
    """A stage that nobody listens to leaves no trace in the recordings before and after it."""
    with recording() as before:
        pass
    nap("unheard")
    count(unheard=1)
    with recording() as after:
        pass
    assert before == after == Recording()


def test_counts_add_up_by_name() -> None:
    """What is counted goes to the recording that hears the stages, and nothing is lost of large numbers."""
    with recording() as heard:
        count(used=1, read=2**40)
        count(used=2)
    assert heard.counts == {"used": 3, "read": 2**40}
    assert heard.seconds == {}
