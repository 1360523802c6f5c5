"""Zarr arrays, read by tensorstore: decoded, cast and laid out as wanted in one pass, outside the GIL."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore as ts

from cellmap_data.errors import StoreError
from cellmap_data.storage.access import is_remote, key_value_store, local_path
from cellmap_data.storage.cache import shared_context
from cellmap_data.storage.failures import FAILURES, opening_failed, reading_failed
from cellmap_data.storage.metadata import ArrayInfo, read_array_info
from cellmap_data.storage.reader import Box
from cellmap_data.storage.uniform import UniformChunks, within

_DRIVERS = {2: "zarr", 3: "zarr3"}


class ZarrReader:
    """A zarr v2 or v3 array, on a file system or in a store that tensorstore reaches.

    The metadata is read when this is made, the array is opened by the first read in each process. Missing
    chunks hold the fill value. What was read before may come from the cache, or be known to hold one value,
    without a look at the file.

    Parameters
    ----------
    uri : str
        Path of the array.
    info : ArrayInfo, optional
        Its description, where that is known already.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreNotFoundError, MetadataError
        If there is no such array, or none that can be read.
    """

    def __init__(self, uri: str, info: ArrayInfo | None = None, context: Any = None) -> None:
        self.uri, self._context = uri, context
        self._info = info or read_array_info(uri, context)
        self._store: ts.TensorStore | None = None
        self._uniform: UniformChunks | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return ZarrReader, (self.uri, self._info, self._context)

    def __repr__(self) -> str:
        return f"ZarrReader({self.uri!r})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels per axis, in the order in which the axes are stored."""
        return self._info.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the stored values."""
        return self._info.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """What is decoded as a whole, along the stored axes."""
        return self._info.chunks

    def read_into(self, box: Box, out: npt.NDArray[Any]) -> ZarrRead:
        """Start to read ``box`` into ``out`` (any strides, any number type), and return at once."""
        store = self._store or self._open()
        parts = [box] if self._uniform is None else self._uniform.fill(box, out)
        return ZarrRead.start(self.uri, store, [(part, out[within(box, part)]) for part in parts])

    def uniform(self, box: Box) -> Any:
        """The value in all of ``box``, where it is known to hold a single one; else None."""
        self._store or self._open()
        return None if self._uniform is None else self._uniform.value(box)

    def read(self, box: Box) -> npt.NDArray[Any]:
        """The values in ``box``, in fresh memory, as they are stored."""
        out = np.empty([part.stop - part.start for part in box], self.dtype)
        self.read_into(box, out).result()
        return out

    def _open(self) -> ts.TensorStore:
        with self._lock:
            if self._store is None:
                spec: dict[str, Any] = {
                    "driver": _DRIVERS[self._info.zarr_format],
                    "recheck_cached_data": False,
                    "recheck_cached_metadata": False,
                }
                amended = self._info.amended
                if amended is not None:
                    spec["metadata"] = amended
                mode = ts.OpenMode(open=True, assume_metadata=amended is not None)
                store = key_value_store(self.uri, self._context)
                try:
                    opened = ts.open(spec, read=True, open_mode=mode, kvstore=store, context=shared_context())
                    found = opened.result()
                except FAILURES as error:
                    raise opening_failed(self.uri, error) from error
                self._uniform = self._chunks(found)
                self._store = found
            return self._store

    def _chunks(self, store: ts.TensorStore) -> UniformChunks | None:
        """What will be known of chunks that are files; elsewhere a look is a round trip."""
        keys = self._info.keys
        if is_remote(self.uri) or not self.shape or keys is None:
            return None
        uri, dtype = self.uri, self.dtype  # and not self: what refers to itself is not gone when it is let go

        def read(box: Box) -> npt.NDArray[Any]:
            out = np.empty([part.stop - part.start for part in box], dtype)
            ZarrRead.start(uri, store, [(box, out)]).result()
            return out

        chunks: Any = store.chunk_layout.write_chunk.shape  # not of the spec as JSON, for that leaks memory
        fill = np.asarray(0 if store.fill_value is None else store.fill_value).astype(dtype)
        return UniformChunks(local_path(uri), keys, self.shape, chunks, fill, read)


class ZarrRead:
    """A read by tensorstore that is on its way: boxes of one array."""

    __slots__ = ("_parts", "_uri")

    def __init__(self, uri: str, parts: list[tuple[Box, ts.Future[None]]]) -> None:
        self._uri, self._parts = uri, parts

    @classmethod
    def start(
        cls, uri: str, store: ts.TensorStore, parts: Iterable[tuple[Box, npt.NDArray[Any]]]
    ) -> ZarrRead:
        """Start to read boxes into memory, each into its own; StoreError if that cannot be asked."""
        started: list[tuple[Box, ts.Future[None]]] = []
        for box, out in parts:
            try:
                source = ts.cast(store[box], ts.dtype(out.dtype))
                started.append((box, ts.array(out, copy=False).write(source).commit))
            except FAILURES as error:
                for _, future in started:  # none may write into the memory afterwards
                    future.exception()
                raise reading_failed(uri, box, error) from error
        return cls(uri, started)

    def result(self) -> None:
        """Wait until the values are there; StoreError if they cannot be had."""
        failure: StoreError | None = None
        for box, future in self._parts:  # all of them, for none may write into the memory afterwards
            try:
                future.result()
            except FAILURES as error:
                failure = failure or reading_failed(self._uri, box, error)
                failure.__cause__ = failure.__cause__ or error
        if failure is not None:
            raise failure
