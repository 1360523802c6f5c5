"""Who reads the array at a path: a plugin that says so, else tensorstore."""

from __future__ import annotations

from typing import Any, Protocol

from cellmap_data.storage.metadata import ArrayInfo, read_array_info
from cellmap_data.storage.reader import ArrayReader
from cellmap_data.storage.zarr import ZarrReader


class OpenArray(Protocol):
    """Something that may know a reader for a path: the plugins that answer the hook ``open_array``."""

    def open_array(self, uri: str, context: Any) -> ArrayReader | None:
        """A reader, or None to decline."""


def open_array(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> ArrayReader:
    """A reader for the array at ``uri``.

    Parameters
    ----------
    uri : str
        Path of the array.
    hooks : OpenArray, optional
        Asked first.
    context : object, optional
        Handed on to ``hooks``.

    Raises
    ------
    StoreNotFoundError, MetadataError
        If nobody answers and there is no zarr array that can be read.
    """
    reader = None if hooks is None else hooks.open_array(uri=uri, context=context)
    return ZarrReader(uri) if reader is None else reader


def describe_array(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> ArrayInfo:
    """Shape and type of the array at ``uri``, from whoever would read it; a zarr array is not opened."""
    reader = None if hooks is None else hooks.open_array(uri=uri, context=context)
    return read_array_info(uri) if reader is None else ArrayInfo(tuple(reader.shape), reader.dtype)
