"""What tensorstore says when it fails, as errors of this package."""

from __future__ import annotations

import re

from cellmap_data.errors import MetadataError, StoreError, message
from cellmap_data.storage.reader import Box, in_words

FAILURES = (ValueError, IndexError, OSError, RuntimeError)
"""What tensorstore makes of its status codes."""

_CONTEXT = re.compile(r" \[(?:tensorstore_spec|source locations)=.*", re.DOTALL)
_ABOUT_METADATA = ("Error parsing object member", "Unsupported metadata field", "metadata")
_FULL = ("No space left", "Disk quota", "File too large", "RESOURCE_EXHAUSTED")
_UNDECODABLE = re.compile(r"^(?:FAILED_PRECONDITION|DATA_LOSS|INVALID_ARGUMENT|OUT_OF_RANGE)\b.* reading ")


def opening_failed(uri: str, error: Exception) -> StoreError:
    """An array cannot be opened: it is out of reach, or written in a way that cannot be read."""
    said = _short(error)
    if not any(words in said for words in _ABOUT_METADATA):
        return StoreError(message("A stored array cannot be opened.", place=uri, got=said))
    return MetadataError(
        message(
            "A stored array is written in a way that cannot be read.",
            place=uri,
            expected="codecs, fill value and layout of chunks that tensorstore knows",
            got=said,
            hint="write the array anew with another codec, or use a plugin that answers the hook open_array",
        )
    )


def reading_failed(uri: str, box: Box, error: Exception) -> StoreError:
    """A box of an array cannot be read, most often because a chunk is damaged."""
    said = _short(error)
    broken = _UNDECODABLE.search(said)
    return StoreError(
        message(
            "A chunk of a stored array is damaged." if broken else "A stored array cannot be read.",
            place=f"{uri} {in_words(box)}",
            got=said,
            hint="copy or write the chunk named above anew; deleted, it reads as the fill value"
            if broken
            else "",
        )
    )


def writing_failed(uri: str, error: Exception, block: str = "") -> StoreError:
    """Something cannot be written: the disk is full, the store refuses, the folder cannot be made."""
    said = _short(error)
    full = any(words in said for words in _FULL)
    hint = "make room, or write to another place" if full else "check that you may write there"
    return StoreError(
        message(
            "A store does not take what is written.",
            place=f"{block} of {uri}" if block else uri,
            got=said,
            hint=f"{hint}; what was written before is there",
        )
    )


def _short(error: Exception) -> str:
    """What tensorstore says, without the spec and the lines of its own code."""
    return _CONTEXT.sub("", str(error))
