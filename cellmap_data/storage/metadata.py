"""What a zarr array says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cellmap_data.errors import MetadataError, StoreNotFoundError, message
from cellmap_data.storage.files import read_json

_KINDS = "biuf"


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
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    zarr_format: int = 0


def read_array_info(uri: str) -> ArrayInfo:
    """Describe the zarr array at ``uri``.

    Raises
    ------
    StoreNotFoundError
        If there is no zarr array.
    MetadataError
        If it holds something other than numbers.
    """
    for name, zarr_format in (("zarr.json", 3), (".zarray", 2)):
        document = read_json(uri, name)
        if document is not None and document.get("node_type", "array") == "array":
            return _info(uri, document, zarr_format)
    raise StoreNotFoundError(
        message("There is no zarr array.", place=uri, expected="a zarr.json of an array, or a .zarray")
    )


def read_attributes(uri: str) -> dict[str, Any]:
    """The attributes of the zarr group at ``uri``: of v3 where there is one, else of v2.

    Raises
    ------
    StoreNotFoundError
        If there is no zarr node.
    """
    document = read_json(uri, "zarr.json")
    if document is not None:
        attributes = document.get("attributes")
        return attributes if isinstance(attributes, dict) else {}
    attributes = read_json(uri, ".zattrs")
    if attributes is None and read_json(uri, ".zgroup") is None and read_json(uri, ".zarray") is None:
        raise StoreNotFoundError(
            message("There is no zarr group.", place=uri, expected="a zarr.json, a .zgroup or a .zattrs")
        )
    return attributes or {}


def _info(uri: str, document: dict[str, Any], zarr_format: int) -> ArrayInfo:
    key = "data_type" if zarr_format == 3 else "dtype"
    try:
        shape = tuple(int(n) for n in document["shape"])
        dtype = np.dtype(document[key])
    except (KeyError, TypeError, ValueError) as error:
        raise MetadataError(
            message(
                "A zarr array must have a shape and a type this package knows.",
                place=uri,
                expected=f"'shape', and a number type or bool as {key!r}",
                got=f"{document.get('shape')!r}, {document.get(key)!r}",
            )
        ) from error
    if dtype.kind not in _KINDS:
        raise MetadataError(
            message("A volume holds numbers.", place=uri, expected="integers, floats or bool", got=dtype)
        )
    return ArrayInfo(shape, dtype.newbyteorder("="), zarr_format)
