"""Zarr arrays: files packed as usual are read by our own loops, everything else by tensorstore.

Both decode, cast and lay out as wanted in one pass, outside Python's lock.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.chunks import ChunkFiles, team
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.by_tensorstore import StoredArray
from cellmap_data.storage.cache import keep_chunks_of_files
from cellmap_data.storage.metadata import ArrayInfo, read_array_info
from cellmap_data.storage.reader import Box, Pending


class ZarrReader:
    """A zarr v2 or v3 array, on a file system or in a store that tensorstore reaches.

    The metadata is read when this is made, the array is opened by the first read in each process. Missing
    chunks hold the fill value. What was read before may come from the cache, or be known to hold one value,
    without a look at the file. What our own loops cannot read tensorstore tries, and says what is wrong.

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
        self._stored = StoredArray(uri, self._info, context, passing=False)
        self._until_ready: StoredArray | None = None
        self._files: ChunkFiles | None = None
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

    def read_into(self, box: Box, out: npt.NDArray[Any]) -> Pending:
        """Start to read ``box`` into ``out`` (any strides, any number type), and return at once."""
        files = self._files or self._look()
        if files is None or not (files.casts_to(out.dtype) and files.takes(box, out)):
            return self._stored.read_into(box, out)
        if not files.is_ready(out.dtype):
            return self._passing().read_into(box, out)

        def work() -> None:
            if not files.read(box, out):
                self._passing().read_into(box, out).result()

        self._until_ready = None
        return team.start(work)

    def uniform(self, box: Box) -> Any:
        """The value in all of ``box``, where it is known to hold a single one; else None."""
        files = self._files or self._look()
        return None if files is None else files.value(box)

    def read(self, box: Box) -> npt.NDArray[Any]:
        """The values in ``box``, in fresh memory, as they are stored."""
        out = np.empty([part.stop - part.start for part in box], self.dtype)
        self.read_into(box, out).result()
        return out

    def _passing(self) -> StoredArray:
        """The array for tensorstore, until loops are ready or where they fail."""
        stored = self._until_ready
        if stored is None:
            stored = self._until_ready = StoredArray(self.uri, self._info, self._context, passing=True)
        return stored

    def _look(self) -> ChunkFiles | None:
        """The chunks as files, if our loops read them."""
        info = self._info
        if self._files is not None or info.packing is None or info.keys is None or info.chunks is None:
            return self._files
        if is_remote(self.uri) or not ChunkFiles.can_read(info.shape, info.chunks, info.dtype):
            return None
        with self._lock:
            if self._files is None:
                keep_chunks_of_files()
                self._files = ChunkFiles(
                    local_path(self.uri),
                    info.keys.prefix,
                    info.keys.separator,
                    info.packing,
                    info.shape,
                    info.chunks,
                    info.dtype,
                )
            return self._files
