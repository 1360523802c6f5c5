"""What was counted, kept from one program to the next in a folder of the user's and never beside the data."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

from cellmap_data.image.counting.tally import Tally
from cellmap_data.storage import fingerprint

FOLDER_VARIABLE = "CELLMAP_DATA_CACHE_DIR"
_FORM = 1
"""Grows when what is counted changes its meaning: older files are not looked at then."""

_lock = threading.Lock()
_warned_of: set[str] = set()


def cache_folder() -> Path:
    """Where counts are kept: ``CELLMAP_DATA_CACHE_DIR``, else ``cellmap-data`` among the user's caches."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "cellmap-data")


class Place:
    """Where something that was found out about one array is kept. What cannot be read counts as nothing.

    Parameters
    ----------
    kind, suffix : str
        What it is about, the name of a folder; and how the file's name ends.
    uri : str
        Path of the array. The place depends on it and on the array's fingerprint, so what was found out
        before a change is never found again.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    parameters : object, optional
        What else it depends on, as JSON can tell it; also a number that grows when the meaning changes.
    """

    def __init__(
        self, kind: str, suffix: str, uri: str, context: Any = None, parameters: Any = _FORM
    ) -> None:
        self.uri, state = uri if "://" in uri else os.path.abspath(uri), fingerprint(uri, context)
        key = hashlib.sha256(json.dumps([parameters, self.uri, state]).encode()).hexdigest()
        self._path = cache_folder() / kind / key[:2] / f"{key}{suffix}" if state else None

    def read(self) -> bytes | None:
        """What lies there."""
        try:
            return None if self._path is None else self._path.read_bytes()
        except OSError:
            return None

    def write(self, content: bytes) -> None:
        """Write it down in one step, so that other processes see all of it or nothing.

        Where that cannot be done there is one warning for the folder, and it is found out again next time.
        """
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self._path, content)
        except OSError as error:
            _warn_once(str(cache_folder()), error)


class Remembered:
    """The counts of one array as they are kept; ``uri`` and ``context`` as for :class:`Place`."""

    def __init__(self, uri: str, context: Any = None) -> None:
        self._place = Place("counts", ".json", uri, context)

    def recall(self) -> Tally | None:
        """The counts of last time, or None."""
        content = self._place.read()
        if content is None:
            return None
        try:
            kept = json.loads(content)
            tally = Tally(kept["positive"], kept["known"])
        except (ValueError, KeyError, TypeError):
            return None
        counts = (tally.positive, tally.known)
        good = all(isinstance(n, int) for n in counts) and 0 <= tally.positive <= tally.known
        return tally if good else None

    def keep(self, tally: Tally) -> None:
        """Write the counts down."""
        told = {"uri": self._place.uri, "positive": tally.positive, "known": tally.known}
        self._place.write(json.dumps(told).encode())


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _warn_once(folder: str, error: OSError) -> None:
    with _lock:
        if folder in _warned_of:
            return
        _warned_of.add(folder)
    warnings.warn(
        f"What was counted cannot be kept in {folder} ({error.strerror}): it is counted again next time. "
        f"Set {FOLDER_VARIABLE} to a folder that can be written to.",
        stacklevel=2,
    )
