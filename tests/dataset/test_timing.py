"""Whoever reads learns how much of it was spent in value transforms."""

from __future__ import annotations

import threading
import time

import pytest

from cellmap_data import CellMapDataset, CellMapMultiDataset
from cellmap_data.dataset import fresh
from cellmap_data.timing import recording
from tests.volumes import make_crop

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
NAP = 0.005

READS = {
    "one": lambda dataset: dataset[0],
    "batch": lambda dataset: dataset.__getitems__([0, 5]),
    "into memory": lambda dataset: dataset.read_batch([0, 5], fresh),
    "several crops": lambda dataset: CellMapMultiDataset([dataset, dataset])[30],
}


def slow(values):
    time.sleep(NAP)
    return values


@pytest.fixture
def dataset(tmp_path) -> CellMapDataset:
    raw, labels = make_crop(tmp_path, (9, 10, 11))
    return CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": CUBE}, {"l": CUBE})


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("transformed", [("raw",), ("target",), ("raw", "target")], ids="-".join)
def test_the_time_of_transforms_is_told_from_the_rest(transformed, read, dataset) -> None:
    """Raw and target transforms are heard as "transform", which is part of the time the read took."""
    for array in transformed:
        getattr(dataset, f"set_{array}_value_transforms")(slow)
    start = time.perf_counter()
    with recording() as heard:
        read(dataset)
    assert heard.seconds.keys() == {"transform"}
    assert len(transformed) * NAP <= heard.seconds["transform"] <= time.perf_counter() - start


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_without_transforms_there_is_no_such_stage(read, dataset) -> None:
    """A plain read spends nothing in transforms."""
    with recording() as heard:
        read(dataset)
    assert heard.seconds == {}


def test_threads_that_read_one_dataset_are_told_apart(dataset) -> None:
    """Two threads in the middle of a transform at the same time each hear their own."""
    together, took = threading.Barrier(2), []

    def meet(values, rng):
        together.wait(timeout=20)
        time.sleep(NAP)
        return values

    def read() -> None:
        start = time.perf_counter()
        with recording() as heard:
            dataset.__getitems__([0, 1])
        took.append((heard.seconds["transform"], time.perf_counter() - start))

    dataset.set_raw_value_transforms(meet)
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 2
    assert all(2 * NAP <= transform <= whole for transform, whole in took)
