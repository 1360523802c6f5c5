"""Texts that people read, compared with files as they stand.

To accept new words: ``CELLMAP_DATA_UPDATE_GOLDEN=1 pytest`` with the tests in question, then read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cellmap_data.plugins import API_VERSION

__all__ = ["compare", "normalised"]


def normalised(text: str) -> str:
    """Without what differs between machines."""
    text = re.sub(r"0x[0-9a-f]+", "0x...", text)
    text = re.sub(r"(/[\w.+-]+){2,}", "<path>", text)
    return text.replace(f"version {API_VERSION}", "version <api>").rstrip() + "\n"


def compare(file: Path, text: str) -> None:
    """The text is what the file has."""
    if os.environ.get("CELLMAP_DATA_UPDATE_GOLDEN"):
        file.write_text(normalised(text))
    assert normalised(text) == file.read_text()
