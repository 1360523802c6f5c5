"""What a zarr array says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cellmap_data.chunks import Packing
from cellmap_data.config import raise_faults
from cellmap_data.errors import MetadataError, StoreNotFoundError, message
from cellmap_data.storage.files import join, nearest, read_documents
from cellmap_data.storage.keys import ChunkKeys
from cellmap_data.storage.packing import packing_of

_KINDS = "biuf"
_LARGEST = 2**63 - 2  # of what tensorstore takes as a size
_V3_TYPE = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
_V3_FIELDS = {
    "attributes",
    "chunk_grid",
    "chunk_key_encoding",
    "codecs",
    "data_type",
    "dimension_names",
    "fill_value",
    "node_type",
    "shape",
    "storage_transformers",
    "zarr_format",
}
_FORMATS = {"zarr.json": 3, ".zarray": 2}


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """Shape and type of a stored array.

    Attributes
    ----------
    shape : tuple of int
        In the order in which the axes are stored.
    dtype : numpy.dtype
        In the byte order of this machine.
    zarr_format : int
        2 or 3; 0 for an array that is not zarr.
    chunks : tuple of int, optional
        What is decoded as a whole, along the stored axes; the inner chunks of a sharded array. None: unknown.
    shards : tuple of int, optional
        What is stored together, where that is more than a chunk.
    keys : ChunkKeys, optional
        What the files of chunks are called. None: unknown.
    packing : Packing, optional
        How chunks are packed in these files. None: in a way that is left to tensorstore.
    amended : mapping, optional
        The metadata to read the array by, where what is stored has something harmless in it that a reader by
        the letter refuses.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    zarr_format: int = 0
    chunks: tuple[int, ...] | None = None
    shards: tuple[int, ...] | None = None
    keys: ChunkKeys | None = None
    packing: Packing | None = None
    amended: Mapping[str, Any] | None = field(default=None, compare=False)


def read_array_info(uri: str, context: Any = None) -> ArrayInfo:
    """Describe the zarr array at ``uri``.

    Parameters
    ----------
    uri : str
        Path of the array.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreNotFoundError
        If there is no zarr array.
    StoreError
        If the store does not say.
    MetadataError
        If it holds something other than numbers, or listing everything else that is wrong.
    """
    found = "nothing"
    for name, document in read_documents(uri, tuple(_FORMATS), context):
        if document.get("node_type", "array") == "array":
            return _info(uri, document, _FORMATS[name])
        found = f"a zarr.json of a {document['node_type']}"
    if found == "nothing" and any(read_documents(uri, (".zgroup",), context)):
        found = "a .zgroup"
    rule, expected = "There is no zarr array.", "a zarr.json of an array, or a .zarray"
    raise StoreNotFoundError(message(rule, place=uri, expected=expected, got=found, hint=nearest(uri)))


def read_attributes(uri: str, context: Any = None) -> dict[str, Any]:
    """The attributes of the zarr group at ``uri``: of v3 where there is one, else of v2.

    Parameters
    ----------
    uri : str
        Path of the group.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreNotFoundError
        If there is no zarr node.
    StoreError
        If the store does not say.
    MetadataError
        If there are attributes that are no JSON object.
    """
    for name, document in read_documents(uri, ("zarr.json", ".zattrs"), context):
        attributes = document.get("attributes", {}) if name == "zarr.json" else document
        if not isinstance(attributes, dict):
            rule = "The attributes of a group must be a JSON object."
            raise MetadataError(message(rule, place=join(uri, name), got=repr(attributes)))
        return attributes
    if any(read_documents(uri, (".zgroup", ".zarray"), context)):
        return {}
    rule, expected = "There is no zarr group.", "a zarr.json, a .zgroup or a .zattrs"
    raise StoreNotFoundError(message(rule, place=uri, expected=expected, hint=nearest(uri)))


def _info(uri: str, document: dict[str, Any], zarr_format: int) -> ArrayInfo:
    dtype = _dtype(document.get("data_type" if zarr_format == 3 else "dtype"), zarr_format)
    faults = list(_faults(document, zarr_format))
    raise_faults(MetadataError, "The metadata of a zarr array is not valid.", faults, place=uri)
    assert dtype is not None  # or there would be a fault
    stored = tuple(_chunks(document, zarr_format)[1])
    amended = _amended(document) if zarr_format == 3 else None
    inner = _inner_chunks(document["codecs"], len(stored)) if zarr_format == 3 else None
    return ArrayInfo(
        tuple(document["shape"]),
        np.dtype(dtype.type),  # numpy's own, of which there is one, in the byte order of this machine
        zarr_format,
        inner or stored,
        stored if inner else None,
        ChunkKeys.of(document, zarr_format),
        None if _is_extended(document, zarr_format) else packing_of(document, zarr_format, dtype),
        amended,
    )


def _faults(document: Mapping[str, Any], zarr_format: int) -> Iterator[str]:
    """What is wrong with the fields that both formats have; the rest is left to who opens the array."""
    if document.get("zarr_format") != zarr_format:
        yield f"zarr_format: expected {zarr_format}, got {document.get('zarr_format')!r}"
    shape = document.get("shape")
    if not _whole(shape, at_least=0):
        yield f"shape: expected a list of whole numbers, got {shape!r}"
    place = "data_type" if zarr_format == 3 else "dtype"
    if _dtype(document.get(place), zarr_format) is None:
        yield f"{place}: expected a type of integers, floats or bool, got {document.get(place)!r}"
    place, chunks = _chunks(document, zarr_format)
    if not _whole(chunks, at_least=1):
        yield f"{place}: expected a list of whole numbers > 0, got {chunks!r}"
    elif isinstance(shape, list) and len(chunks) != len(shape):
        yield f"{place}: expected as many numbers as in the shape {shape}, got {chunks!r}"
    if "fill_value" not in document:
        yield "fill_value: missing"
    if zarr_format == 3 and not isinstance(document.get("codecs"), list):
        yield f"codecs: expected a list, got {document.get('codecs')!r}"
    if zarr_format == 2 and not isinstance(document.get("compressor", ""), dict | None):
        yield f"compressor: expected an object or null, got {document.get('compressor', 'nothing')!r}"


def _chunks(document: Mapping[str, Any], zarr_format: int) -> tuple[str, Any]:
    """The place and the value of the size of chunks."""
    if zarr_format == 2:
        return "chunks", document.get("chunks")
    grid = document.get("chunk_grid")
    inner = grid.get("configuration") if isinstance(grid, Mapping) else None
    size = inner.get("chunk_shape") if isinstance(inner, Mapping) else None
    return "chunk_grid.configuration.chunk_shape", size


def _inner_chunks(codecs: Any, ndim: int) -> tuple[int, ...] | None:
    """The chunks inside a shard, of shards inside shards the innermost; None without shards.

    Codecs that cannot be right are left to who opens the array.
    """
    order = list(range(ndim))
    for codec in codecs:
        options = codec.get("configuration") if isinstance(codec, Mapping) else None
        if not isinstance(options, Mapping):
            continue
        if codec.get("name") == "transpose" and sorted(options.get("order", ())) == list(range(ndim)):
            order = [order[axis] for axis in options["order"]]
        shape: Any = options.get("chunk_shape")
        if codec.get("name") == "sharding_indexed" and _whole(shape, at_least=1) and len(shape) == ndim:
            inner: Sequence[int] = _inner_chunks(options.get("codecs", ()), ndim) or shape
            return tuple(inner[order.index(axis)] for axis in range(ndim))
    return None


def _dtype(name: Any, zarr_format: int) -> np.dtype[Any] | None:
    """The type of numbers that a name stands for; None if it stands for anything else."""
    if not isinstance(name, str) or (zarr_format == 3 and not _V3_TYPE.fullmatch(name)):
        return None
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):  # the latter of names with a comma
        return None
    return dtype if dtype.kind in _KINDS else None


def _amended(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metadata of a v3 array without stray fields, and with 0 for an empty fill value.

    None where neither is needed. What looks like an extension stays, for it may change how to read.
    """
    stray = {key for key in document.keys() - _V3_FIELDS if not _extends(document[key])}
    empty = document["fill_value"] is None
    if not stray and not empty:
        return None
    zero = False if document["data_type"] == "bool" else 0
    kept = {key: value for key, value in document.items() if key not in stray}
    return kept | ({"fill_value": zero} if empty else {})


def _is_extended(document: Mapping[str, Any], zarr_format: int) -> bool:
    """Whether a v3 array has something in it that may change how to read."""
    return zarr_format == 3 and any(_extends(document[key]) for key in document.keys() - _V3_FIELDS)


def _extends(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value.get("must_understand", "name" in value))


def _whole(values: Any, *, at_least: int) -> bool:
    return isinstance(values, list) and all(type(n) is int and at_least <= n <= _LARGEST for n in values)
