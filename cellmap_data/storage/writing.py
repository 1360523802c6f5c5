"""Zarr arrays that are written, by tensorstore: encoded outside the GIL, put in place chunk by chunk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore as ts

from cellmap_data.chunks import forget
from cellmap_data.storage.access import key_value_store, local_path
from cellmap_data.storage.by_tensorstore import DRIVERS
from cellmap_data.storage.cache import shared_context
from cellmap_data.storage.failures import FAILURES, opening_failed, reading_failed, writing_failed
from cellmap_data.storage.reader import Box, in_words

_ZSTD_LEVEL = 1


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """How a zarr array is stored.

    Attributes
    ----------
    shape : tuple of int
        Voxels per stored axis.
    dtype : numpy.dtype
        A type of numbers, or bool.
    block : tuple of int
        Voxels per axis of what is written as one object: a chunk, or where ``chunk`` is smaller a shard.
    chunk : tuple of int
        Voxels per axis of what is decoded at once.
    fill_value : float
        The value where nothing was written.
    names : tuple of str
        One for each axis.
    zarr_format : int
        2 or 3; there are no shards in 2.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block: tuple[int, ...]
    chunk: tuple[int, ...]
    fill_value: float
    names: tuple[str, ...]
    zarr_format: int

    @property
    def metadata(self) -> dict[str, Any]:
        """What the array says about itself, as the format has it."""
        return self._v2() if self.zarr_format == 2 else self._v3()

    @property
    def description(self) -> dict[str, Any]:
        """What must be equal for somebody else to go on writing the array."""
        return {
            "shape": list(self.shape),
            "dtype": self.dtype.name,
            "chunks written at once": list(self.block),
            "chunks": list(self.chunk),
            "fill_value": str(self.dtype.type(self.fill_value).item()),
        }

    def _v2(self) -> dict[str, Any]:
        return {
            "zarr_format": 2,
            "shape": list(self.shape),
            "chunks": list(self.block),
            "dtype": self.dtype.newbyteorder("<").str,
            "fill_value": _in_json(self.fill_value, self.dtype),
            "order": "C",
            "filters": None,
            "compressor": {"id": "zstd", "level": _ZSTD_LEVEL},
            "dimension_separator": "/",
        }

    def _v3(self) -> dict[str, Any]:
        codecs = [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": _ZSTD_LEVEL, "checksum": False}},
        ]
        if self.chunk != self.block:
            shards = {"chunk_shape": list(self.chunk), "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": shards}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.block)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": _in_json(self.fill_value, self.dtype),
            "codecs": codecs,
            "dimension_names": list(self.names),
            "attributes": {},
        }


class ZarrWriter:
    """A zarr array that is open for writing.

    It shares the cache of this process's readers, so they see what it writes.

    Parameters
    ----------
    uri : str
        Path of the array.
    layout : ArrayLayout
        What it is, or will be.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    create : bool
        Whether to make the array where there is none. Of several processes that make the same one, each
        succeeds.

    Raises
    ------
    StoreError
        If the array cannot be made or opened.
    """

    def __init__(self, uri: str, layout: ArrayLayout, context: Any = None, *, create: bool = False) -> None:
        self.uri = uri
        spec: dict[str, Any] = {"driver": DRIVERS[layout.zarr_format]}
        if create:
            spec["metadata"] = layout.metadata
        store = key_value_store(uri, context)
        mode = ts.OpenMode(open=True, create=create)
        try:
            opened = ts.open(
                spec,
                read=True,
                write=True,
                open_mode=mode,
                kvstore=store,
                context=shared_context(passing=True),
            )
            self.store = opened.result()
        except FAILURES as error:
            raise (writing_failed if create else opening_failed)(uri, error) from error

    def write(self, box: Box, values: npt.NDArray[Any], block: str = "") -> None:
        """Write a box, and return when it is durable.

        On a file system each chunk is synced under another name, then renamed, then its folder synced; on S3
        and Google an object is there when the store has confirmed it. A chunk is never there in part. Parts
        of one chunk may be written by threads of one process at once; between processes that is safe where
        the store can write conditionally, as file systems and S3 can.

        Parameters
        ----------
        box : tuple of slice
            Inside the array.
        values : ndarray
            Of the shape of the box, in the type of the array.
        block : str
            What to call the box in an error.

        Raises
        ------
        StoreError
            If the store does not take it, naming box, path and what the store said.
        """
        try:
            self.store[box].write(values).commit.result()
        except FAILURES as error:
            raise writing_failed(self.uri, error, block or in_words(box)) from error
        finally:
            forget(local_path(self.uri))

    def read(self, box: Box) -> npt.NDArray[Any]:
        """The values in a box, as they are stored now; StoreError if they cannot be had."""
        try:
            values: npt.NDArray[Any] = self.store[box].read().result()
        except FAILURES as error:
            raise reading_failed(self.uri, box, error) from error
        return values

    @property
    def description(self) -> dict[str, Any]:
        """What the array is, in the words of :attr:`ArrayLayout.description`."""
        layout, fill = self.store.chunk_layout, self.store.fill_value
        return {
            "shape": list(self.store.shape),
            "dtype": self.store.dtype.name,
            "chunks written at once": list(layout.write_chunk.shape or ()),
            "chunks": list(layout.read_chunk.shape or ()),
            "fill_value": "nothing" if fill is None else str(np.asarray(fill).item()),
        }


def _in_json(value: float, dtype: np.dtype[Any]) -> bool | int | float | str:
    """A fill value as the formats write it."""
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind in "iu":
        return int(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
