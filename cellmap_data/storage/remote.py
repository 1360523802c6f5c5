"""Small files of a store that is not on this machine: asked of the store itself, several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorstore as ts

from cellmap_data.errors import CellMapDataError, StoreError, StoreNotFoundError, message
from cellmap_data.storage.access import key_value_store
from cellmap_data.storage.failures import FAILURES

_REFUSED = ("PERMISSION_DENIED", "UNAUTHENTICATED")
_UNREACHABLE = ("ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED")
_LISTED = ("s3://", "gs://")


def read_files(uri: str, names: Sequence[str], context: Any = None) -> list[bytes | None]:
    """The contents of files below ``uri``, all asked for at once; None for those the store does not have.

    Some stores refuse what they do not have, where the reader may not list. So a refusal counts only if none
    of the files is there.

    Raises
    ------
    StoreNotFoundError
        If there is no such bucket.
    StoreError
        If the store refuses, does not answer or fails.
    """
    store = open_store(uri, context)
    contents: list[bytes | None] = []
    refusal: Exception | None = None
    for pending in [store.read(name) for name in names]:
        try:
            answer = pending.result()
        except FAILURES as error:
            if _status(error) not in _REFUSED:
                raise store_error(uri, error) from error
            refusal = error
            contents.append(None)
        else:
            contents.append(answer.value if answer.state == "value" else None)
    if all(content is None for content in contents):
        if refusal is not None:
            raise store_error(uri, refusal) from refusal
        _check_bucket(uri, store, names[0])
    return contents


def store_error(uri: str, error: Exception) -> StoreError:
    """What a failure of a store means, with the path and the next step."""
    status = _status(error)
    if status == "NOT_FOUND":
        return StoreNotFoundError(message("There is no such bucket.", place=uri, got=error))
    if status in _REFUSED:
        hint = "check the credentials in the environment, or see cellmap_data.storage.access for context="
        return StoreError(message("The store refuses access.", place=uri, got=error, hint=hint))
    if status in _UNREACHABLE:
        hint = "check the address and the network, or allow more attempts (AWS_MAX_ATTEMPTS, max_attempts)"
        return StoreError(message("The store does not answer.", place=uri, got=error, hint=hint))
    return StoreError(message("The store cannot be read.", place=uri, got=error))


def open_store(uri: str, context: Any) -> ts.KvStore:
    """The bytes below ``uri``; StoreError if nobody knows how to reach them."""
    try:
        return key_value_store(uri, context)
    except CellMapDataError:
        raise
    except FAILURES as error:
        raise store_error(uri, error) from error


def _check_bucket(uri: str, store: ts.KvStore, name: str) -> None:
    """Raise if the bucket is missing: reading a file does not tell that from a missing file."""
    if not uri.startswith(_LISTED):
        return
    try:
        store.list(ts.KvStore.KeyRange(name, f"{name}\0")).result()
    except FAILURES as error:
        if _status(error) == "NOT_FOUND":
            raise store_error(uri, error) from error
        # Who may read need not be allowed to list: that the files are not there is known all the same.


def _status(error: Exception) -> str:
    return str(error).partition(":")[0]
