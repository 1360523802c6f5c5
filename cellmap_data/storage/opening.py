"""Who reads what is at a path: a plugin that says so, else tensorstore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cellmap_data.errors import StoreError, message
from cellmap_data.storage.metadata import ArrayInfo, read_array_info, read_attributes
from cellmap_data.storage.reader import ArrayReader, GroupReader
from cellmap_data.storage.zarr import ZarrReader


class OpenArray(Protocol):
    """Something that may know a reader for a path: the plugins that answer the hook ``open_array``."""

    def open_array(self, uri: str, context: Any) -> ArrayReader | GroupReader | None:
        """A reader of the array or of the group there, or None to decline."""


def open_array(
    uri: str, *, hooks: OpenArray | None = None, context: Any = None, info: ArrayInfo | None = None
) -> ArrayReader:
    """A reader for the array at ``uri``.

    Parameters
    ----------
    uri : str
        Path of the array.
    hooks : OpenArray, optional
        Asked first.
    context : object, optional
        Handed on to ``hooks``; also how to reach the store, see :mod:`cellmap_data.storage.access`.
    info : ArrayInfo, optional
        What :func:`describe_array` said of it, so that it need not be read again.

    Raises
    ------
    StoreNotFoundError, MetadataError
        If nobody answers and there is no zarr array that can be read.
    StoreError
        If the store fails.
    """
    reader = _asked(uri, hooks, context)
    zarr = info if info is not None and info.zarr_format else None
    return ZarrReader(uri, zarr, context) if reader is None else reader


def describe_array(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> ArrayInfo:
    """What the array at ``uri`` says about itself, from whoever would read it; a zarr array is not opened."""
    reader = _asked(uri, hooks, context)
    if reader is None:
        return read_array_info(uri, context)
    chunks = getattr(reader, "chunks", None)
    return ArrayInfo(tuple(reader.shape), reader.dtype, chunks=None if chunks is None else tuple(chunks))


def describe_group(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> Mapping[str, Any]:
    """The attributes of the group at ``uri``, in the words of OME-Zarr.

    A plugin that has none for it, because it answers for arrays only, leaves them to the zarr group.

    Raises
    ------
    StoreNotFoundError
        If nobody answers and there is no zarr group.
    StoreError
        If the store fails.
    """
    answer = None if hooks is None else hooks.open_array(uri=uri, context=context)
    attributes = getattr(answer, "attributes", None)
    return attributes if isinstance(attributes, Mapping) else read_attributes(uri, context)


def _asked(uri: str, hooks: OpenArray | None, context: Any) -> ArrayReader | None:
    answer: Any = None if hooks is None else hooks.open_array(uri=uri, context=context)
    if answer is not None and not hasattr(answer, "read_into"):
        raise StoreError(
            message(
                "A plugin answers with a group where an array is asked for.",
                place=uri,
                expected="a cellmap_data.storage.ArrayReader",
                got=type(answer).__qualname__,
                hint="the paths in datasets[i]['path'] must be those of arrays",
            )
        )
    reader: ArrayReader | None = answer
    return reader
