"""N5 arrays, read by tensorstore."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore as ts

from cellmap_data.errors import StoreError, message
from cellmap_data.storage import Box, key_value_store, read_documents, shared_context

_FAULTS = (ValueError, IndexError, OSError, RuntimeError)  # what tensorstore makes of its status codes


def read_n5_attributes(uri: str, context: Any = None) -> dict[str, Any] | None:
    """What the N5 node at ``uri`` says about itself; None where there is no such node."""
    return next((document for _, document in read_documents(uri, ("attributes.json",), context)), None)


class N5Array:
    """An N5 array with its axes turned around: N5 counts x, y, z, and this shows z, y, x.

    The array is opened by the first read in each process.

    Parameters
    ----------
    uri : str
        Path of the array.
    attributes : dict
        What its ``attributes.json`` holds.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    """

    def __init__(self, uri: str, attributes: dict[str, Any], context: Any = None) -> None:
        self.uri, self._attributes, self._context = uri, attributes, context
        self._store: ts.TensorStore | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return N5Array, (self.uri, self._attributes, self._context)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along z, y, x."""
        return tuple(reversed(self._attributes["dimensions"]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the stored values."""
        dtype: np.dtype[Any] = np.dtype(self._attributes["dataType"])
        return dtype

    def read_into(self, box: Box, out: npt.NDArray[Any]) -> N5Read:
        """Start to read ``box`` into ``out``, and return at once."""
        try:
            source = ts.cast((self._store or self._open())[box], ts.dtype(out.dtype))
            return N5Read(self.uri, ts.array(out, copy=False).write(source).commit)
        except _FAULTS as error:
            raise _failed(self.uri, error) from error

    def read(self, box: Box) -> npt.NDArray[Any]:
        """The values in ``box``, in fresh memory."""
        out = np.empty([part.stop - part.start for part in box], self.dtype)
        self.read_into(box, out).result()
        return out

    def _open(self) -> ts.TensorStore:
        with self._lock:
            if self._store is None:
                spec = {"driver": "n5", "recheck_cached_data": False, "recheck_cached_metadata": False}
                store = key_value_store(self.uri, self._context)
                stored = ts.open(spec, read=True, open=True, kvstore=store, context=shared_context())
                self._store = stored.result().T
            return self._store


class N5Read:
    """A read that is on its way."""

    __slots__ = ("_future", "_uri")

    def __init__(self, uri: str, future: ts.Future[None]) -> None:
        self._uri, self._future = uri, future

    def result(self) -> None:
        """Wait until the values are there; StoreError if they cannot be had."""
        try:
            self._future.result()
        except _FAULTS as error:
            raise _failed(self._uri, error) from error


def _failed(uri: str, error: Exception) -> StoreError:
    return StoreError(message("An N5 array cannot be read.", place=uri, got=error))
