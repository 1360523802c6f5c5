"""Contenders are real processes: the C reader, ours, and a few that misbehave."""

from __future__ import annotations

import sys
import time

import psutil
import pytest

from benchmarks import driver
from benchmarks.driver import Contender, ContenderError, take_turns
from benchmarks.launch import LeftOutError, compiled, peer, start
from benchmarks.tasks import Setting
from benchmarks.truth import Truth

CONTENDER = """
import json, subprocess, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    command, number = line.split()[:2]
    %s
"""
COUNTS = "print(json.dumps({'seconds': int(number) * 0.01, 'samples': 2 * int(number)}), flush=True)"


def scripted(body, small, **options):
    """A contender that runs a few lines of Python."""
    return Contender(Setting("peer", **options), small, [sys.executable, "-c", CONTENDER % body], {})


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    """What is measured is of no interest here, so nobody waits for it to settle."""
    monkeypatch.setattr(driver, "SETTLE", 0.0)


@pytest.fixture
def native():
    """The C reader, where it can be compiled."""
    try:
        compiled()
    except LeftOutError as reason:
        pytest.skip(f"the C reader cannot be compiled here: {str(reason).splitlines()[0]}")


@pytest.mark.parametrize("ram", [False, True], ids=["chunks", "memory"])
def test_native(native, ram, place, small) -> None:
    """The C reader delivers the voxels of the volume, from the places that it says."""
    with start(Setting("ram" if ram else "native"), small, [str(place)], {}) as contender:
        contender.prepare(Truth(place, small.classes))
        contender.round(5)
    (outcome,) = contender.outcomes()
    assert outcome.rate > 0
    assert outcome.peak > 2**20


@pytest.mark.parametrize("transform", ["none", "mirror + transpose"])
def test_ours(transform, place, small) -> None:
    """Ours delivers the voxels of the volume to the driver."""
    with start(Setting(transform=transform), small, [str(place)], {}) as contender:
        contender.prepare(Truth(place, small.classes))
        (outcome,) = take_turns([contender], rounds=2, seconds=0.05)
    assert outcome.setting.transform == transform
    assert outcome.rate > 0


def test_turns(small) -> None:
    """Rates are what contenders say of their rounds, for each step; rounds are longer than queues."""
    with scripted(COUNTS, small) as alone, scripted(COUNTS, small, workers=2) as pair:
        for contender in (alone, pair):
            contender.prepare(None)
        outcomes = take_turns([alone, pair], rounds=3, seconds=0.02, steps=("", "sleep 10"))
    assert [(outcome.setting.workers, outcome.step) for outcome in outcomes] == [
        (0, ""), (0, "sleep 10"), (2, ""), (2, "sleep 10"),
    ]  # fmt: skip
    assert [outcome.rate for outcome in outcomes] == pytest.approx([200] * 4)
    assert (alone.least, pair.least) == (1, 8)


def test_held_still(small) -> None:
    """Between its rounds neither a contender nor what it has started uses any CPU time."""
    busy = "subprocess.Popen([sys.executable, '-c', 'while True: pass']); " + COUNTS
    with scripted(busy, small) as contender:
        contender.prepare(None)
        tree = contender.tree
        used = tree.cpu_seconds()
        time.sleep(0.3)
        assert tree.cpu_seconds() == used
        processes = tree.processes()
        assert len(processes) > 1
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_memory_of_children(small) -> None:
    """What a process started by a contender holds counts as the contender's."""
    holds = "x = bytes(range(256)) * 2**18; print(flush=True); input()"
    large = (
        f"child = subprocess.Popen([sys.executable, '-c', {holds!r}], stdin=-1, stdout=-1); "
        "child.stdout.readline(); "
    )
    with scripted(large + COUNTS, small) as contender:
        contender.prepare(None)
        contender.round(1)
        (outcome,) = contender.outcomes()
    assert outcome.peak > 64 * 2**20


def test_failure(small) -> None:
    """A contender that ends is an error which shows what it said last."""
    with (
        scripted("sys.exit('no such file')", small) as contender,
        pytest.raises(ContenderError, match="no such file"),
    ):
        contender.prepare(None)


def test_wrong_data(small, place) -> None:
    """A contender whose batch is not of the volume is refused before it is measured."""
    zeros = (
        "shapes = {'raw': [2, 1, 32, 32, 32], 'labels': [2, 2, 32, 32, 32]}; "
        "[open(f'{number}/{key}', 'wb').write(bytes(32**3 * 2 * n[1])) for key, n in shapes.items()]; "
        "arrays = {key: {'dtype': 'uint8', 'shape': shape} for key, shape in shapes.items()}; "
        "print(json.dumps({'arrays': arrays, 'places': None}), flush=True)"
    )
    with scripted(zeros, small) as contender, pytest.raises(ContenderError, match=r"wrong data.*nowhere"):
        contender.prepare(Truth(place, small.classes))


def test_no_peer() -> None:
    """A peer without an environment is left out, with a word on how to make it."""
    with pytest.raises(LeftOutError, match="make bench-peers"):
        peer("nobody")
