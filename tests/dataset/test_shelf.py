"""Open arrays: bounded, and nothing is lost when one goes."""

from __future__ import annotations

import gc

import pytest

from cellmap_data import CellMapDataset, CellMapMultiDataset
from cellmap_data.dataset import readers
from cellmap_data.dataset.shelf import Shelf
from cellmap_data.storage import ZarrReader
from tests.dataset.test_concurrency import ARRAYS, crops_of, hammer
from tests.volumes import make_crop


class Opener:
    """Opens on demand, and remembers what was asked for since the shelf last looked."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.open, self.used = shelf, set(), set()

    def get(self, uri: str) -> None:
        if uri in self.open:
            self.used.add(uri)
        else:
            self.open.add(uri)
            self.shelf.put(self, uri)

    def spare(self, uri: str) -> bool:
        if uri in self.used:
            self.used.remove(uri)
            return True
        self.open.discard(uri)
        return False


@pytest.mark.parametrize(
    ("asked", "left"),
    [("abcd", "bcd"), ("abacd", "acd"), ("abcabcd", "bcd"), ("abccd", "bcd")],
    ids=[
        "the oldest goes",
        "used again stays",
        "all used alike: the oldest",
        "a later use saves none before",
    ],
)
def test_the_oldest_that_nobody_asked_for_goes(asked: str, left: str) -> None:
    """Of more arrays than may be open, the one goes that was not asked for the longest."""
    opener = Opener(Shelf(3))
    for uri in asked:
        opener.get(uri)
    assert opener.open == set(left)


def test_a_shelf_keeps_nobody_alive() -> None:
    """A dataset that is gone takes its arrays along, whatever the shelf remembers."""
    shelf = Shelf(2)
    Opener(shelf).get("a")
    gc.collect()
    opener = Opener(shelf)
    for uri in "bcd":
        opener.get(uri)
    assert opener.open == set("cd")


def test_a_process_keeps_few_arrays_open(monkeypatch, tmp_path) -> None:
    """However many crops are read, no more arrays stay open than the limit, over all datasets together."""
    monkeypatch.setattr(readers, "shelf", Shelf(6))
    crops = [make_crop(tmp_path / str(number), seed=number) for number in range(9)]
    dataset = CellMapMultiDataset([CellMapDataset(raw, input_arrays=ARRAYS) for raw, _ in crops])
    first = [dataset[end - 1]["raw"] for end in dataset.cumulative_sizes]
    gc.collect()
    ours = {f"{raw}/s0" for raw, _ in crops}
    still = [one for one in gc.get_objects() if type(one) is ZarrReader and one.uri in ours]
    assert len(still) == 6
    again = [dataset[end - 1]["raw"] for end in dataset.cumulative_sizes]
    assert all(one.equal(other) for one, other in zip(first, again, strict=True))


def test_threads_that_close_each_others_arrays_read_the_same(monkeypatch, tmp_path) -> None:
    """With fewer open arrays than one sample has, eight threads still get what one thread gets."""
    dataset, twin = crops_of(tmp_path), crops_of(tmp_path)
    monkeypatch.setattr(readers, "shelf", Shelf(2))
    hammer(dataset, range(0, len(twin), 1009), twin)
