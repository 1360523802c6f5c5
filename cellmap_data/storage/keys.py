"""What the files of chunks are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SEPARATORS = ("/", ".")


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """How the place of a chunk makes a name: ``c/0/1/2``, ``0.1.2`` or the like.

    Attributes
    ----------
    prefix : str
        What comes before the first number.
    separator : str
        What stands between any two.
    """

    prefix: str
    separator: str

    @classmethod
    def of(cls, document: Mapping[str, Any], zarr_format: int) -> ChunkKeys | None:
        """The names that the metadata of an array speaks of; None where it is not understood."""
        first = ""
        if zarr_format == 2:
            separator = document.get("dimension_separator", ".")
        else:
            encoding = document.get("chunk_key_encoding")
            name = encoding.get("name") if isinstance(encoding, Mapping) else None
            if not isinstance(encoding, Mapping) or name not in ("default", "v2"):
                return None
            options = encoding.get("configuration")
            usual, first = ("/", "c") if name == "default" else (".", "")
            separator = options.get("separator", usual) if isinstance(options, Mapping) else usual
        return cls(first and first + separator, separator) if separator in _SEPARATORS else None
