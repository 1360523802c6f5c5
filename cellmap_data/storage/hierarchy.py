"""Groups of a zarr hierarchy that are made or changed on the way to an array that is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.files import join, parse_document
from cellmap_data.storage.objects import Objects, Stored

Attributes: TypeAlias = dict[str, Any]

_CONSOLIDATED = ".zmetadata"


def node_at(uri: str, context: Any = None) -> tuple[int, str]:
    """What zarr has at a path: its format, 2 or 3, and "array" or "group"; ``(0, "")`` where it has nothing.

    Raises
    ------
    StoreError
        If the store does not say.
    """
    objects = Objects(uri, context)
    document = objects.read("zarr.json").content
    if document is not None:
        return 3, str(parse_document(join(uri, "zarr.json"), document).get("node_type", "array"))
    if objects.read(".zarray").content is not None:
        return 2, "array"
    present = any(objects.read(name).content is not None for name in (".zgroup", ".zattrs"))
    return (2, "group") if present else (0, "")


def make_groups(uri: str, zarr_format: int, context: Any = None) -> None:
    """Make the groups around ``uri`` that are missing, from the part of the path that ends in ``.zarr`` on.

    Those that are there are left alone, whatever their format.

    Raises
    ------
    ConfigurationError
        If an array is in the way.
    StoreError
        If the store does not take them.
    """
    for place in _around(uri):
        found, kind = node_at(place, context)
        if kind == "array":
            rule = "Inside an array there is no room for a group."
            raise ConfigurationError(message(rule, place=uri, got=f"a zarr array at {place}"))
        if not found:
            make_group(place, zarr_format, context)


def make_group(uri: str, zarr_format: int, context: Any = None) -> None:
    """Make a group without attributes, unless somebody has made it meanwhile."""
    objects, (name, document) = Objects(uri, context), _group(zarr_format)
    found = objects.read(name)
    if found.content is None:
        objects.replace(name, _json(document), found.generation)


def change_attributes(
    uri: str, zarr_format: int, change: Callable[[Attributes], Attributes], context: Any = None
) -> None:
    """Change the attributes of a group that is there; of changes made at once none is lost.

    What a consolidated copy of the metadata says of the group is outdated then, so its own is removed.

    Parameters
    ----------
    uri : str
        Path of the group.
    zarr_format : int
        2 or 3.
    change : callable
        From the attributes to what they should be; it may be called again with newer ones.
    context : object, optional
        How to reach the store.

    Raises
    ------
    StoreError
        If the store does not take them.
    """
    objects = Objects(uri, context)
    name = ".zattrs" if zarr_format == 2 else "zarr.json"
    while True:
        found = objects.read(name)
        document = _changed(join(uri, name), found, zarr_format, change)
        if objects.replace(name, _json(document), found.generation):
            break
    if zarr_format == 2:
        objects.delete(_CONSOLIDATED)


def _changed(place: str, found: Stored, zarr_format: int, change: Callable[[Attributes], Attributes]) -> Any:
    document = {} if found.content is None else parse_document(place, found.content)
    if zarr_format == 2:
        return change(document)
    kept = {key: value for key, value in document.items() if key != "consolidated_metadata"}
    return {**_group(3)[1], **kept, "attributes": change(dict(document.get("attributes", {})))}


def _group(zarr_format: int) -> tuple[str, dict[str, Any]]:
    if zarr_format == 2:
        return ".zgroup", {"zarr_format": 2}
    return "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": {}}


def _around(uri: str) -> list[str]:
    """The paths of the groups around a path, the outermost first; none where no part ends in ``.zarr``."""
    scheme, separator, path = uri.partition("://") if is_remote(uri) else ("", "", local_path(uri))
    parts = path.rstrip("/").split("/")
    first = next((i for i, part in enumerate(parts) if part.endswith(".zarr")), len(parts))
    return [f"{scheme}{separator}{'/'.join(parts[:stop])}" for stop in range(first + 1, len(parts))]


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode()
