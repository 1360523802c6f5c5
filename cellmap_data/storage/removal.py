"""Remove what is stored below a path."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cellmap_data.errors import StoreError, message
from cellmap_data.storage.access import is_remote, local_path
from cellmap_data.storage.cache import forget_cached_chunks
from cellmap_data.storage.failures import FAILURES
from cellmap_data.storage.objects import Objects

_BEAT = 2.0  # seconds


def remove_all(
    uri: str, context: Any = None, *, keep: str = "", alive: Callable[[], None] | None = None
) -> None:
    """Remove every object below a path, on a file system the folders too that are empty then.

    Arrays that are opened from now on know nothing of what was cached; those that are open should be closed.

    Parameters
    ----------
    uri : str
        A path, or the URL of a store.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    keep : str
        Name of an object below it that stays.
    alive : callable, optional
        Called every two seconds while it takes.

    Raises
    ------
    StoreError
        If the store does not let go of something.
    """
    try:
        for removal in Objects(uri, context).removals(keep):
            while not _done(removal):
                if alive is not None:
                    alive()
    except FAILURES as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(message("A store does not let go of data.", place=uri, got=error)) from error
    if not is_remote(uri):
        _prune(local_path(uri))
    forget_cached_chunks()


def _done(removal: Any) -> bool:
    try:
        removal.result(timeout=_BEAT)
    except TimeoutError:
        return False
    return True


def _prune(path: str) -> None:
    """Remove empty folders, which would look like members of a group."""
    for folder, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):  # it is not empty
            os.rmdir(folder)
