"""What lies below a path, where a store can say."""

from __future__ import annotations

import os
from typing import Any

from cellmap_data.errors import StoreError, message
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.objects import Objects


class Folders:
    """The names of folders, each place asked for once.

    On this machine a folder is looked at as such. A bucket has no folders: every key below a place is listed,
    one for each chunk, to learn their first parts. Web servers do not list at all.

    Parameters
    ----------
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    """

    def __init__(self, context: Any = None) -> None:
        self._context = context
        self._known: dict[str, list[str]] = {}
        self._keys: dict[str, list[str]] = {}

    def below(self, uri: str) -> list[str]:
        """The names of the folders in ``uri``, sorted, without hidden ones; none if there is no such place.

        Raises
        ------
        StoreError
            If the store refuses, does not answer or cannot list.
        """
        uri = uri.rstrip("/") or "/"
        if uri not in self._known:
            names = self._remote(uri) if is_remote(uri) else _local(uri)
            self._known[uri] = sorted(name for name in names if not name.startswith("."))
        return self._known[uri]

    def _remote(self, uri: str) -> set[str]:
        listed = next((place for place in self._keys if f"{uri}/".startswith(f"{place}/")), None)
        if listed is None:
            listed = uri
            self._keys[uri] = _keys(uri, self._context)
        start = f"{uri}/".removeprefix(f"{listed}/")
        parts = (key[len(start) :].partition("/") for key in self._keys[listed] if key.startswith(start))
        return {name for name, slash, _ in parts if slash}


def _local(uri: str) -> list[str]:
    try:
        with os.scandir(local_path(uri)) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(message("A folder cannot be listed.", place=uri, got=error)) from error


def _keys(uri: str, context: Any) -> list[str]:
    if uri.startswith("http"):
        hint = "write the paths out, or read from the bucket itself (s3://, gs://)"
        raise StoreError(message("A web server does not say what it has.", place=uri, hint=hint))
    return Objects(uri, context).names()
