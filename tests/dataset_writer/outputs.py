"""Reading what was written, and comparing it byte by byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def files(folder: Path) -> dict[str, bytes]:
    """All files of an output, but for what is noted about who wrote it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".cellmap-data" not in path.parts
    }


def stored(writer, name="nuc", array="output") -> np.ndarray:
    """All that is stored of a class."""
    one = writer.target_array_writers[array][name]
    return one.array.read(tuple(slice(0, n) for n in one.array.store.shape))
