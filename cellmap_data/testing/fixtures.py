"""Fixtures of pytest; import them into a ``conftest.py`` or a test file to use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cellmap_data.plugins import PluginManager
from cellmap_data.testing.environment import no_plugins_from_environment

__all__ = ["clean_manager"]


@pytest.fixture
def clean_manager() -> Iterator[PluginManager]:
    """A manager without plugins; for the length of the test the environment names none either."""
    with no_plugins_from_environment():
        yield PluginManager()
