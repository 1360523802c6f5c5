"""Small objects of a store, each written whole or not at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorstore as ts

from cellmap_data.storage.failures import FAILURES, writing_failed
from cellmap_data.storage.files import join
from cellmap_data.storage.remote import open_store, store_error


class Stored(NamedTuple):
    """What an object held when it was read.

    Attributes
    ----------
    content : bytes or None
        None where there was no object.
    generation : bytes
        Which state that was, for :meth:`Objects.replace`.
    """

    content: bytes | None
    generation: bytes


class Objects:
    """The objects below a path of a store, on this machine or elsewhere.

    A write replaces the whole object, and has reached the disk or the bucket when the call returns: on a file
    system tensorstore writes a second file, syncs it, renames it and syncs the folder. Whoever is killed
    meanwhile leaves the old object.

    Parameters
    ----------
    uri : str
        A path, or the URL of a store.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreError
        By every method, if the store fails; the message has the path and what the store said.
    """

    def __init__(self, uri: str, context: Any = None) -> None:
        self.uri = uri
        self._store = open_store(uri, context)

    def read(self, name: str) -> Stored:
        """An object as it is now."""
        try:
            answer = self._store.read(name).result()
        except FAILURES as error:
            raise store_error(join(self.uri, name), error) from error
        content = answer.value if answer.state == "value" else None
        return Stored(content, answer.stamp.generation)

    def write(self, name: str, content: bytes) -> None:
        """Put an object there, whatever was there before."""
        self._write(name, content, None)

    def replace(self, name: str, content: bytes | None, generation: bytes) -> bool:
        """Put an object there, or remove it, if what is there is still what :meth:`read` gave.

        Returns
        -------
        bool
            Whether it was; of several processes that try, one succeeds.
        """
        return bool(self._write(name, content, generation))

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        self._write(name, None, None)

    def names(self) -> list[str]:
        """The names of all objects below the path, sorted; those in folders with their folders."""
        try:
            found: list[bytes] = self._store.list().result()
        except FAILURES as error:
            raise store_error(self.uri, error) from error
        return sorted(name.decode() for name in found)

    def removals(self, keep: str = "") -> list[ts.Future[None]]:
        """Start to remove everything below the path, but for the object ``keep``; returns at once."""
        ranges = [ts.KvStore.KeyRange("", keep), ts.KvStore.KeyRange(f"{keep}\0" if keep else "", "")]
        return [self._store.delete_range(names) for names in ranges]

    def _write(self, name: str, content: bytes | None, generation: bytes | None) -> bytes:
        try:
            stamp = self._store.write(name, content, if_equal=generation).result()
        except FAILURES as error:
            raise writing_failed(join(self.uri, name), error) from error
        return stamp.generation  # empty where the object was another
