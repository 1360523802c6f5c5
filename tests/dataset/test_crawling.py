"""Thousands of crops: each file of metadata is read once, by as many threads as are of use."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from cellmap_data.dataset import read_metadata
from cellmap_data.dataset.crawling import threads_for
from cellmap_data.errors import StoreNotFoundError
from tests.volumes import make_crop


class Crop:
    """Reads its metadata from afar; some of it is missing."""

    inside = at_once = 0
    lock = threading.Lock()

    def __init__(self, number: int) -> None:
        self.number, self.reads = number, 0

    def verify(self) -> bool:
        with self.lock:
            self.reads += 1
            Crop.inside += 1
            Crop.at_once = max(Crop.at_once, Crop.inside)
        time.sleep(0.02)
        with self.lock:
            Crop.inside -= 1
        if self.number % 7 == 0:
            raise StoreNotFoundError(f"no crop {self.number}")
        return True


@pytest.mark.parametrize("count", [1, 3, 5, 40])
def test_every_dataset_is_asked_once_and_faults_come_in_order(count) -> None:
    """However many datasets there are, each is asked once, and what is wrong is told in their order."""
    crops = [Crop(number) for number in range(count)]
    faults = read_metadata(crops)
    assert [crop.reads for crop in crops] == [1] * count
    assert [str(fault) for fault in faults] == [f"no crop {n}" for n in range(0, count, 7)]


def test_files_that_keep_waiting_are_read_by_many_threads() -> None:
    """Where a look at a crop is mostly waiting, several are looked at together."""
    Crop.at_once = 0
    read_metadata([Crop(number) for number in range(60)])
    assert Crop.at_once > 4


@pytest.mark.parametrize(
    ("took", "worked", "threads"),
    [(1.0, 1.0, 1), (1.4, 1.0, 1), (4.1, 1.0, 4), (100.0, 1.0, 16), (1.0, 0.0, 16)],
    ids=["working", "mostly working", "waiting", "far away", "only waiting"],
)
def test_as_many_threads_as_keep_a_core_busy(took, worked, threads) -> None:
    """A thread that waits three quarters of the time leaves room for three others; sixteen are enough."""
    assert threads_for(took, worked) == threads


def test_each_file_of_metadata_is_opened_once(tmp_path) -> None:
    """Finding the positions and reading samples of many crops opens each .zattrs and .zarray once."""
    for number in range(3):
        make_crop(tmp_path / str(number), annotated=("nuc", "mito"))
    script = """
import collections, sys
opened = collections.Counter()
def hear(event, arguments):
    if event == "open":
        opened[str(arguments[0])] += 1
from cellmap_data import CellMapDataset, CellMapMultiDataset
sys.addaudithook(hear)
cube = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
crops = [
    CellMapDataset(f"{sys.argv[1]}/{n}/raw", f"{sys.argv[1]}/{n}/labels/[nuc,mito]", ["nuc", "mito"],
                   {"raw": cube}, {"labels": cube})
    for n in range(3)
]
dataset = CellMapMultiDataset(crops)
assert not any(sys.argv[1] in path for path in opened), opened
dataset.__getitems__([0, len(dataset) // 2, len(dataset) - 1])
read = {path: n for path, n in opened.items() if path.endswith((".zattrs", ".zarray"))}
assert len(read) == 3 * 3 * 2 and set(read.values()) == {1}, read
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
