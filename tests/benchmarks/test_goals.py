"""The table of goals says what was reached, what was not, and what was not measured."""

from __future__ import annotations

import pytest

from benchmarks.goals import goals
from benchmarks.outcome import Outcome, Rounds
from benchmarks.tasks import Setting


def outcome(kind, rate, *, peak=100, step="", waited=0.0, **options):
    return Outcome(Setting(kind, **options), step, rate, 0.0, 0.01, waited, peak)


def column(measured, parts=None):
    return [(row[2], row[3]) for row in goals(measured, parts or {})]


def test_reached() -> None:
    """Each is judged at its best setting, and less is better for memory."""
    main = [
        outcome("native", 100),
        outcome("ours", 70),
        outcome("ours", 90, workers=2, peak=20),
        outcome("earlier", 20, workers=2, peak=100),
    ]
    assert column({"main": main}) == [("0.9", "yes"), ("4.5", "no"), ("0.2", "yes")]


def test_left_out() -> None:
    """Without a peer or the C reader nothing is claimed."""
    assert column({"main": [outcome("ours", 90, workers=2)]}) == [("-", "not measured")] * 3


def test_step() -> None:
    """Of the steps the one of the goal counts."""
    wait = [
        outcome("ours", 10, step=step, waited=share) for step, share in (("sleep 0", 1.0), ("sleep 50", 0.03))
    ]
    assert column({"wait": wait}) == [("0.03", "no")]


def test_first_batch() -> None:
    """The first batch is judged by its seconds."""
    assert column({}, {"start-up": 0.2}) == [("0.2", "yes")]


def test_medians() -> None:
    """One slow round moves nothing."""
    rounds = Rounds()
    for seconds in (1.0, 1.0, 10.0):
        rounds.add({"samples": 20, "seconds": seconds, "waited": seconds / 2}, cpu_seconds=seconds)
    told = Outcome.of(Setting(), "", rounds, peak=1)
    assert (told.rate, told.cpu, told.waited) == pytest.approx((20, 0.05, 0.5))
