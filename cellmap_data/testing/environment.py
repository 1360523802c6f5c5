"""Plugins that the environment names, out of the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from cellmap_data.plugins.environment import DISABLE_ALL, ENABLE

__all__ = ["no_plugins_from_environment"]


@contextmanager
def no_plugins_from_environment() -> Iterator[None]:
    """Unset what names plugins or turns them off, and set it again in the end."""
    held = {name: os.environ.pop(name) for name in (ENABLE, DISABLE_ALL) if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)
