"""Whether a stored array is still the one that it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cellmap_data.errors import StoreError
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.files import read_documents

_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs")


def fingerprint(uri: str, context: Any = None) -> str | None:
    """A short text that changes when the array at ``uri`` does; None where nothing can be found out.

    It is made of the array's metadata and, on a local file system, of when its folders were last changed: a
    writer that puts a chunk in place by renaming, as zarr and tensorstore do, changes the chunk's folder.
    No chunk is read, and none is asked for its own time. Elsewhere it is the metadata alone.
    """
    documents: list[Any] = []
    times: list[tuple[str, int]] = []
    with suppress(StoreError):  # a path that only a plugin understands
        documents += [document for _, document in read_documents(uri, _DOCUMENTS, context)]
        if not is_remote(uri):
            times += _changes(Path(local_path(uri)))
    if not documents and not times:
        return None
    known = json.dumps([documents, times], sort_keys=True)
    return hashlib.sha256(known.encode()).hexdigest()


def _changes(place: Path) -> Iterator[tuple[str, int]]:
    """When a file, or each of the folders of a tree, was last changed (ns)."""
    if place.is_file():
        yield "", place.stat().st_mtime_ns
    for folder, folders, _ in os.walk(place):
        folders.sort()
        yield os.path.relpath(folder, place), os.stat(folder).st_mtime_ns
