"""Which tiles are written, where a program writes them one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from cellmap_data.dataset_writer.window import Key
from cellmap_data.image_writer import Ledger


class TileLedger:
    """A tile is done when all classes of all its outputs are written, be it by one assignment or by several.

    Parameters
    ----------
    ledger : Ledger
        Keeps what is done.
    wanted : iterable of (int, str)
        The outputs and classes of a tile.
    """

    def __init__(self, ledger: Ledger, wanted: Iterable[Key]) -> None:
        self.ledger, self._wanted = ledger, frozenset(wanted)
        self._begun: dict[int, set[Key]] = {}
        self._lock = threading.Lock()

    def written(self, tiles: Iterable[int], keys: Iterable[Key]) -> None:
        """Take note that these outputs and classes of these tiles are durable."""
        keys, done = set(keys), []
        with self._lock:
            for tile in tiles:
                begun = self._begun.pop(tile, set()) | keys
                if begun >= self._wanted:
                    done.append(tile)
                else:
                    self._begun[tile] = begun
        self.ledger.add(done)
