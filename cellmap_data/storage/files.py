"""Small files of a store.

On this machine they are read as files, in this thread: asking a zarr hierarchy for the same two documents
takes fifty times as long, and starts threads, after which a process should not fork.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cellmap_data.errors import MetadataError, StoreError, message
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.remote import read_files

Document: TypeAlias = dict[str, Any]

_TOLD = 12
"""Names of a folder that an error lists at most."""


def join(uri: str, *parts: str) -> str:
    """A path below another."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts if part)])


def nearest(uri: str) -> str:
    """Where a path that was not found goes astray: the last folder of it that is there, and what it holds.

    Empty where the store is not on this machine.
    """
    if is_remote(uri):
        return ""
    place = Path(local_path(uri)).absolute()
    for folder in (place, *place.parents):
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
        except OSError:
            continue
        holds = ", ".join(names[:_TOLD]) + (", ..." if len(names) > _TOLD else "")
        return f"{folder} holds {holds or 'nothing'}"
    return ""


def read_documents(uri: str, names: Sequence[str], context: Any = None) -> Iterator[tuple[str, Document]]:
    """Name and content of those of the files ``names`` below ``uri`` that are there, in this order.

    On this machine a file is read when it is asked for; elsewhere all are asked for at once.

    Parameters
    ----------
    uri : str
        A path, or the URL of a store.
    names : sequence of str
        Each the name of a file that holds a JSON object.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreError
        If a file cannot be read, or the store does not say whether it is there.
    MetadataError
        If it holds anything but a JSON object.
    """
    remote = is_remote(uri)
    contents = read_files(uri, names, context) if remote else (_read_file(uri, name) for name in names)
    for name, content in zip(names, contents, strict=True):
        if content is not None:
            yield name, parse_document(join(uri if remote else local_path(uri), name), content)


def _read_file(uri: str, name: str) -> bytes | None:
    place = os.path.join(local_path(uri), name)
    try:
        with open(place, "rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(message("A metadata file cannot be read.", place=place, got=error)) from error


def parse_document(place: str, content: bytes) -> Document:
    """The JSON object that a file holds; MetadataError, naming the place, if it holds anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # neither JSON nor text, or nested without end
        raise MetadataError(message("A metadata file must hold JSON.", place=place, got=error)) from error
    if not isinstance(document, dict):
        raise MetadataError(
            message("A metadata file must hold a JSON object.", place=place, got=type(document).__name__)
        )
    return document
