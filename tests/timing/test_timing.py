"""Stages are heard by the recording of their thread, each moment counted once."""

from __future__ import annotations

import threading
import time

import pytest

from cellmap_data.timing import recording, stage

NAP = 0.005


def nap(name: str) -> None:
    with stage(name):
        time.sleep(NAP)


def test_a_recording_sums_each_stage() -> None:
    """Runs of a stage add up under its name, and all stages together fit into the time that has passed."""
    start = time.perf_counter()
    with recording() as seconds:
        assert seconds == {}
        nap("a")
        once = seconds["a"]
        nap("a")
        nap("b")
    assert list(seconds) == ["a", "b"]
    assert seconds["a"] >= once + NAP
    assert sum(seconds.values()) <= time.perf_counter() - start


def test_a_stage_within_a_stage_counts_for_itself_alone() -> None:
    """What the inner stages take is taken off the outer one, at any depth, under the same name too."""
    start = time.perf_counter()
    with recording() as seconds:
        with stage("outer"):
            nap("inner")
            with stage("middle"):
                nap("inner")
                nap("outer")
        assert seconds.keys() == {"inner", "middle", "outer"}
    whole = time.perf_counter() - start
    assert seconds["inner"] >= 2 * NAP
    assert seconds["outer"] >= NAP
    assert seconds["middle"] >= 0
    assert sum(seconds.values()) <= whole
    assert seconds["middle"] <= whole - 3 * NAP


def test_recordings_nest() -> None:
    """An inner recording hears what happens in it, the outer one all of it, each moment once."""
    start = time.perf_counter()
    with recording() as outer:
        nap("a")
        with stage("around"), recording() as inner:
            nap("a")
            nap("b")
        before = dict(outer)
    assert inner.keys() == {"a", "b"}
    assert outer == before
    assert outer.keys() == {"a", "b", "around"}
    assert outer["b"] == inner["b"]
    assert outer["a"] >= inner["a"] + NAP
    assert sum(outer.values()) <= time.perf_counter() - start


def test_threads_are_recorded_separately() -> None:
    """Recordings that run at the same time hear their own thread only."""
    together, heard = threading.Barrier(3), {}

    def work(name: str) -> None:
        with recording() as seconds:
            together.wait()
            nap(name)
            together.wait()
        heard[name] = set(seconds)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    with recording() as seconds:
        for thread in threads:
            thread.start()
        together.wait()
        nap("mine")
        together.wait()
    for thread in threads:
        thread.join()
    assert heard == {"one": {"one"}, "other": {"other"}}
    assert set(seconds) == {"mine"}


def test_an_exception_ends_stage_and_recording() -> None:
    """The stage that raised is counted, stages and recordings go on as before."""
    with recording() as outer:
        with pytest.raises(ZeroDivisionError), recording() as inner, stage("fails"), stage("within"):
            raise ZeroDivisionError
        nap("next")
    assert inner.keys() == {"fails", "within"}
    assert outer.keys() == {"fails", "within", "next"}


def test_nothing_is_heard_outside_a_recording() -> None:
    """A stage that nobody listens to leaves no trace in the recordings before and after it."""
    with recording() as before:
        pass
    nap("unheard")
    with recording() as after:
        pass
    assert before == after == {}
