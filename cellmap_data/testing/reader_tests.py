"""The suite for what a plugin answers to ``open_array``."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import message
from cellmap_data.storage import ArrayReader, Box
from cellmap_data.testing.comparing import difference
from cellmap_data.testing.outcomes import fail

__all__ = ["ReaderTests"]

Values = npt.NDArray[Any]

_THREADS = 4


class ReaderTests:
    """What every reader promises; inherit it, and say how one of yours is made.

    Examples
    --------
    ::

        class TestMrcReader(ReaderTests):
            def make_reader(self, folder):
                values = ramp((20, 20, 20), np.int16)
                write_mrc(folder / "a.mrc", values)
                return MrcReader(folder / "a.mrc"), values
    """

    def make_reader(self, folder: Path) -> tuple[ArrayReader, Values]:
        """Write an array into ``folder``, which is empty, and return a reader of it and what it must read.

        Let it have two axes or more, of several chunks each, and values that differ.
        """
        raise NotImplementedError(
            message(
                f"{type(self).__name__} does not say which reader to check",
                expected="a method make_reader(self, folder) that returns it and the values it must read",
                got="none",
                hint="write: def make_reader(self, folder): ... return reader, values",
            )
        )

    def test_describes_its_array(self) -> None:
        """It has every method of ``ArrayReader``, and says the shape and type of what is stored."""
        with self._made() as (reader, values):
            if not isinstance(reader, ArrayReader):
                expected = "shape, dtype, read and read_into, see cellmap_data.storage.ArrayReader"
                hint = "write what is missing"
                fail("this is no reader", expected=expected, got=type(reader).__name__, hint=hint)
            told = tuple(reader.shape), np.dtype(reader.dtype)
            if told != (values.shape, values.dtype):
                fail(
                    "the reader describes another array",
                    expected=f"shape {values.shape}, dtype {values.dtype}",
                    got=f"shape {told[0]}, dtype {told[1]}",
                    hint="describe the stored array, its axes in the order in which they lie",
                )

    def test_reads_boxes(self) -> None:
        """``read`` gives the values of any box, as they are stored, in memory of their own."""
        with self._made() as (reader, values):
            for box in _boxes(values):
                _check(
                    box, values[box], reader.read(box), "return the voxels from start to stop, stop left out"
                )
            box = _whole(values)
            reader.read(box)[...] = 0
            _check(box, values, reader.read(box), "hand out copies: the caller may change what it gets")

    def test_reads_into_any_layout(self) -> None:
        """``read_into`` fills reversed, transposed and strided memory, and nothing beside it."""
        with self._made() as (reader, values):
            for box in _boxes(values):
                for layout in _LAYOUTS:
                    out, around = _room(values[box].shape, values.dtype, layout)
                    reader.read_into(box, out).result()
                    _check(box, values[box], out, f"respect the strides of out, here {layout.__name__}")
                    if not (around == around.dtype.type(_PAD)).all():
                        hint = "write into out, and nowhere else"
                        fail("read_into writes outside of the memory it was given", place=str(box), hint=hint)

    def test_casts_values(self) -> None:
        """``read_into`` casts to the type of the memory, as numpy does."""
        with self._made() as (reader, values):
            box = _boxes(values)[0]
            for dtype in (np.float32, np.float64):
                out = np.empty(values[box].shape, dtype)
                reader.read_into(box, out).result()
                _check(box, values[box].astype(dtype), out, f"cast to the dtype of out, here {out.dtype}")

    def test_reads_empty_boxes(self) -> None:
        """A box without voxels is no error."""
        with self._made() as (reader, values):
            box = (slice(1, 1), *_whole(values)[1:])
            _check(box, values[box], reader.read(box), "return an array of that shape")
            reader.read_into(box, np.empty(values[box].shape, values.dtype)).result()

    def test_holds_several_reads(self) -> None:
        """Reads that were started together can be waited for in any order."""
        with self._made() as (reader, values):
            boxes = _boxes(values) * 4
            outs = [np.empty(values[box].shape, values.dtype) for box in boxes]
            pending = [reader.read_into(box, out) for box, out in zip(boxes, outs, strict=True)]
            for read in reversed(pending):
                read.result()
            hint = "keep the state of a read in what read_into returns, not in the reader"
            for box, out in zip(boxes, outs, strict=True):
                _check(box, values[box], out, hint)

    def test_reads_in_threads(self) -> None:
        """Threads that read at the same time read what one reads alone."""
        with self._made() as (reader, values), ThreadPoolExecutor(_THREADS) as threads:
            boxes = _boxes(values) * 2 * _THREADS
            hint = "keep nothing about a read in the reader, or take a lock"
            for box, found in zip(boxes, threads.map(reader.read, boxes), strict=True):
                _check(box, values[box], found, hint)

    def test_travels_to_workers(self) -> None:
        """A reader that has read can be pickled, and the copy reads the same."""
        with self._made() as (reader, values):
            box = _whole(values)
            reader.read(box)
            hint = "pickle what it takes to open the array again: a path, not a file or a lock"
            try:
                copy: ArrayReader = pickle.loads(bytes(ForkingPickler.dumps(reader)))
            except Exception as error:  # noqa: BLE001 - whatever the reader's own state raises
                got = f"{type(error).__name__}: {error}"
                fail("the reader cannot be sent to worker processes", got=got, hint=hint)
            _check(box, values, copy.read(box), hint)

    @contextmanager
    def _made(self) -> Iterator[tuple[ArrayReader, Values]]:
        with TemporaryDirectory() as folder:
            yield self.make_reader(Path(folder))


def _whole(values: Values) -> Box:
    return tuple(slice(0, n) for n in values.shape)


def _boxes(values: Values) -> list[Box]:
    """Boxes inside an array: across its middle, all of it, its last voxel."""
    middle = tuple(slice(n // 4, max(n // 4 + 1, n - n // 8)) for n in values.shape)
    return [middle, _whole(values), tuple(slice(n - 1, n) for n in values.shape)]


_PAD = 77
"""What lies beside the memory that is to be filled."""


def plain(memory: Values) -> Values:
    """As it is."""
    return memory


def reversed_axes(memory: Values) -> Values:
    """Negative strides."""
    return memory[(slice(None, None, -1),) * memory.ndim]


def transposed(memory: Values) -> Values:
    """The first axis is the fastest."""
    return memory.transpose()


_LAYOUTS: tuple[Callable[[Values], Values], ...] = (plain, reversed_axes, transposed)


def _room(shape: tuple[int, ...], dtype: np.dtype[Any], layout: Callable[[Values], Values]) -> Any:
    """A view of ``shape`` inside larger memory, and a view of the memory beside it."""
    stored = shape[::-1] if layout is transposed else shape
    memory = np.full((*stored, 2), _PAD).astype(dtype)
    return layout(memory[..., 0]), memory[..., 1]


def _check(box: Box, expected: Values, got: Any, hint: str) -> None:
    differing = difference(expected, got)
    if differing:
        place = "[" + ", ".join(f"{part.start}:{part.stop}" for part in box) + "]"
        rule = "a box is not read as it is stored"
        fail(rule, place=place, expected="the stored values", got=differing.lstrip(": "), hint=hint)
