"""The suite for readers: what it lets pass, and what it catches."""

from __future__ import annotations

import copy
import threading
import time

import numpy as np
import pytest

from cellmap_data.storage import open_array
from cellmap_data.testing import ReaderTests, ramp, write_volume

STORES = {
    "v2": {"ngff": "0.4"},
    "v2 F": {"ngff": "0.4", "order": "F"},
    "v3": {"ngff": "0.5"},
    "v3 sharded": {"ngff": "0.5", "chunks": (8, 8, 8), "shards": (16, 16, 16)},
}


@pytest.mark.parametrize("dtype", ["bool", "int16", "float32"])
class TestZarr:
    """The reader that comes with the package keeps every promise, whatever the format."""

    @pytest.mark.parametrize("check", [name for name in dir(ReaderTests) if name.startswith("test_")])
    @pytest.mark.parametrize("store", STORES)
    def test_promise(self, check, store, dtype):
        getattr(zarr_suite(STORES[store], dtype), check)()


def zarr_suite(store, dtype):
    class Suite(ReaderTests):
        def make_reader(self, folder):
            values = (ramp((20, 24, 28)) % 251).astype(dtype)
            return open_array(write_volume(folder, values, **store) + "/s0"), values

    return Suite()


class Read:
    def result(self):
        """Done already."""


class InMemory:
    """A reader of an array that it holds: right, to be spoilt."""

    def __init__(self, values):
        self.values = values

    @property
    def shape(self):
        return self.values.shape

    @property
    def dtype(self):
        return self.values.dtype

    def read_into(self, box, out):
        out[...] = self.read(box)
        return Read()

    def read(self, box):
        return self.values[box].copy()


class NoReader:
    shape, dtype = (), np.dtype(np.uint8)


class OtherType(InMemory):
    dtype = np.dtype(np.float64)


class OneShort(InMemory):
    def read(self, box):
        return self.values[tuple(slice(part.start, part.stop - 1) for part in box)].copy()


class HandsOutItself(InMemory):
    def read(self, box):
        return self.values[box]


class IgnoresStrides(InMemory):
    def read_into(self, box, out):
        base = out
        while base.base is not None:
            base = base.base
        base.reshape(-1)[: out.size] = self.read(box).reshape(-1)
        return Read()


class NeverCasts(InMemory):
    def read_into(self, box, out):
        np.copyto(out, self.read(box), casting="no")
        return Read()


class CastsByBytes(InMemory):
    def read_into(self, box, out):
        values = np.frombuffer(self.read(box).tobytes().ljust(out.nbytes, b"\0"), out.dtype)
        out[...] = values[: out.size].reshape(out.shape)
        return Read()


class RefusesNothing(InMemory):
    def read(self, box):
        if any(part.start == part.stop for part in box):
            raise ValueError("nothing to read")
        return super().read(box)


class OneAtATime(InMemory):
    """Forgets a read when the next one starts."""

    def read_into(self, box, out):
        self.pending = box, out
        return self

    def result(self):
        box, out = self.pending
        out[...] = self.read(box)


class SharesBox(InMemory):
    """Keeps the box in the reader, where another thread puts its own."""

    def read(self, box):
        self.box = box
        time.sleep(0.002)
        return self.values[self.box].copy()


class StuckAtHome(InMemory):
    def __init__(self, values):
        super().__init__(values)
        self.lock = threading.Lock()


class ForgetsValues(InMemory):
    def __reduce__(self):
        return InMemory, (np.zeros_like(self.values),)


CAUGHT = [
    (NoReader, "describes_its_array", AssertionError, "this is no reader"),
    (OtherType, "describes_its_array", AssertionError, "float64"),
    (OneShort, "reads_boxes", AssertionError, "stop left out"),
    (HandsOutItself, "reads_boxes", AssertionError, "hand out copies"),
    (IgnoresStrides, "reads_into_any_layout", AssertionError, "strides"),
    (NeverCasts, "casts_values", TypeError, "Cannot cast"),
    (CastsByBytes, "casts_values", AssertionError, "cast to the dtype of out"),
    (RefusesNothing, "reads_empty_boxes", ValueError, "nothing to read"),
    (OneAtATime, "holds_several_reads", AssertionError, "what read_into returns"),
    (SharesBox, "reads_in_threads", AssertionError, "keep nothing about a read"),
    (StuckAtHome, "travels_to_workers", AssertionError, "cannot be sent to worker processes"),
    (ForgetsValues, "travels_to_workers", AssertionError, "to open the array again"),
]


def suite_of(reader):
    class Suite(ReaderTests):
        def make_reader(self, folder):
            values = (ramp((20, 24, 28)) % 251).astype(np.uint8)
            return reader(copy.copy(values)) if reader is not NoReader else reader(), values

    return Suite()


@pytest.mark.parametrize(
    ("reader", "check", "error", "words"), CAUGHT, ids=[row[0].__name__ for row in CAUGHT]
)
def test_a_bad_reader_is_caught(reader, check, error, words):
    """The check that a reader fails says what is wrong."""
    with pytest.raises(error, match=words):
        getattr(suite_of(reader), f"test_{check}")()


def test_every_check_catches_something():
    """No check lets everything pass."""
    checks = {name.removeprefix("test_") for name in dir(ReaderTests) if name.startswith("test_")}
    assert checks == {check for _, check, *_ in CAUGHT}


class TestInMemory(ReaderTests):
    """What the bad readers spoil is good, with two axes as with three."""

    def make_reader(self, folder):
        values = ramp((30, 40), np.int64)
        return InMemory(values.copy()), values


def test_a_suite_without_a_reader_says_what_to_write(tmp_path):
    """The first error of an author is answered."""
    with pytest.raises(NotImplementedError, match="def make_reader"):
        ReaderTests().make_reader(tmp_path)
