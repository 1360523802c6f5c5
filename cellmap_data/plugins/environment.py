"""The environment variables that have a say in plugins."""

from __future__ import annotations

import os

__all__ = ["DISABLE_ALL", "ENABLE", "TRACE", "is_on"]

ENABLE = "CELLMAP_DATA_PLUGINS"
DISABLE_ALL = "CELLMAP_DATA_DISABLE_PLUGINS"
TRACE = "CELLMAP_DATA_TRACE"


def is_on(variable: str) -> bool:
    """Whether a variable is set, and not to a word for no."""
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no")
