"""Zarr arrays read by tensorstore: decoded, cast and laid out in one pass, outside Python's lock."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore as ts

from cellmap_data.chunks import against_the_grain, copy_block, meter, times_written
from cellmap_data.storage.access import key_value_store, real_path
from cellmap_data.storage.cache import shared_context
from cellmap_data.storage.failures import FAILURES, opening_failed, reading_failed
from cellmap_data.storage.metadata import ArrayInfo
from cellmap_data.storage.reader import Box

DRIVERS = {2: "zarr", 3: "zarr3"}
"""Format of zarr -> what tensorstore calls it."""


class StoredArray:
    """A zarr array that tensorstore opens at the first read.

    Parameters
    ----------
    uri : str
        Path of the array.
    info : ArrayInfo
        Its description.
    context : object
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    passing : bool
        Whether others will soon read it instead, see :func:`cellmap_data.storage.shared_context`.
    """

    def __init__(self, uri: str, info: ArrayInfo, context: Any, *, passing: bool) -> None:
        self._uri, self._info, self._context, self._passing = uri, info, context, passing
        self._store: ts.TensorStore | None = None
        self._folder, self._written = real_path(uri), 0
        self._lock = threading.Lock()

    def read_into(self, box: Box, out: npt.NDArray[Any]) -> TensorStoreRead:
        """Start to read a box; StoreError if the array cannot be opened."""
        chunks = self._info.chunks or ()
        touched = ((part.stop - 1) // n - part.start // n + 1 for part, n in zip(box, chunks, strict=False))
        nbytes = math.prod(touched) * math.prod(chunks) * self._info.dtype.itemsize
        meter.add(asked=nbytes if out.size else 0)
        written = times_written(self._folder)
        if written != self._written:  # by this process: what is cached from before is looked at again
            self._written, self._store = written, None
        return TensorStoreRead(self._uri, self._store or self._open(), box, out)

    def _open(self) -> ts.TensorStore:
        with self._lock:
            if self._store is None:
                spec: dict[str, Any] = {
                    "driver": DRIVERS[self._info.zarr_format],
                    "recheck_cached_data": "open",
                    "recheck_cached_metadata": False,
                }
                amended = self._info.amended
                if amended is not None:
                    spec["metadata"] = amended
                mode = ts.OpenMode(open=True, assume_metadata=amended is not None)
                store = key_value_store(self._uri, self._context)
                context = shared_context(passing=self._passing)
                try:
                    opened = ts.open(spec, read=True, open_mode=mode, kvstore=store, context=context)
                    self._store = opened.result()
                except FAILURES as error:
                    raise opening_failed(self._uri, error) from error
            return self._store


class TensorStoreRead:
    """A read by tensorstore that is on its way.

    What goes against the grain comes as a block first, and is turned when it is there.

    Raises
    ------
    StoreError
        If it cannot be asked.
    """

    __slots__ = ("_block", "_box", "_future", "_out", "_uri")

    def __init__(self, uri: str, store: ts.TensorStore, box: Box, out: npt.NDArray[Any]) -> None:
        self._uri, self._box, self._out = uri, box, out
        self._block = np.empty(out.shape, out.dtype) if against_the_grain(out) else out
        try:
            source = ts.cast(store[box], ts.dtype(out.dtype))
            self._future: ts.Future[None] = ts.array(self._block, copy=False).write(source).commit
        except FAILURES as error:
            raise reading_failed(uri, box, error) from error

    def result(self) -> None:
        """Wait until the values are there; StoreError if they cannot be had."""
        try:
            self._future.result()
        except FAILURES as error:
            raise reading_failed(self._uri, self._box, error) from error
        if self._block is not self._out:
            copy_block(self._block, self._out)
