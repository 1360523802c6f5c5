"""The open arrays of one dataset."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from cellmap_data.config import raise_together
from cellmap_data.dataset.shelf import shelf
from cellmap_data.errors import StoreError
from cellmap_data.image import StoredImage, check_volume, read_multiscale
from cellmap_data.ngff import Multiscale
from cellmap_data.spatial import TransformTable
from cellmap_data.storage import (
    ArrayInfo,
    ArrayReader,
    GroupReader,
    OpenArray,
    describe_array,
    open_array,
)


class Plugins(OpenArray, Protocol):
    """What a dataset asks of plugins; see the hooks of the same names."""

    def add_spatial_transforms(self, table: TransformTable) -> None:
        """Put spatial transforms into ``table``."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """Several to ask for a reader; the first answer counts."""

    asked: tuple[OpenArray, ...]

    def open_array(self, uri: str, context: Any) -> ArrayReader | GroupReader | None:
        """The first reader that is not None."""
        answers = (one.open_array(uri=uri, context=context) for one in self.asked)
        return next((reader for reader in answers if reader is not None), None)


@dataclass(slots=True)
class _Open:
    """An open array, and whether it was asked for since the shelf last looked."""

    reader: ArrayReader
    used: bool = False


class Readers:
    """Opens arrays on first use, in the process that reads; keeps the last of them open, see :class:`Shelf`.

    Pickled without what is open.
    """

    def __init__(self, hooks: OpenArray | None = None, context: Any = None) -> None:
        self.hooks, self._context = hooks, context
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Readers, (self.hooks, self._context)

    def describe(self, uri: str) -> ArrayInfo:
        """Shape and type of the array at ``uri``."""
        return describe_array(uri, hooks=self.hooks, context=self._context)

    def volume(self, uri: str) -> Multiscale:
        """The metadata of the multiscale group at ``uri``."""
        return read_multiscale(uri, hooks=self.hooks, context=self._context)

    def check(self, uris: Iterable[str]) -> None:
        """Look closely at volumes; StoreError, listing every fault, if they are not as they should be."""
        faults = []
        for uri in uris:
            try:
                check_volume(uri, hooks=self.hooks, context=self._context)
            except StoreError as error:
                faults.append(error)
        raise_together(faults, "The volumes of a crop are not as they should be.")

    def get(self, image: StoredImage) -> ArrayReader:
        """The reader of an image's array; StoreError if there is none."""
        known = self._open.get(image.uri)
        if known is None:
            return self._opened(image)
        known.used = True
        return known.reader

    def _opened(self, image: StoredImage) -> ArrayReader:
        with self._lock:
            known = self._open.get(image.uri)
            if known is None:
                known = self._open[image.uri] = _Open(self._open_as_described(image))
                shelf.put(self, image.uri)
        return known.reader

    def spare(self, uri: str) -> bool:
        """Let go of an array, unless it was asked for since the last call: then True, and it stays."""
        known = self._open.get(uri)
        if known is not None and known.used:
            known.used = False
            return True
        self._open.pop(uri, None)
        return False

    def _open_as_described(self, image: StoredImage) -> ArrayReader:
        return open_array(image.uri, hooks=self.hooks, context=self._context, info=image.info)

    def open(self, uri: str) -> ArrayReader:
        """A reader of the array at ``uri`` that is not kept; StoreError if there is none."""
        return open_array(uri, hooks=self.hooks, context=self._context)

    def close(self) -> None:
        """Let go of every open array; the next read opens it again."""
        with self._lock:
            self._open = {}
