"""What every test runs under."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    """A folder for counts of this test alone: none reads or fills the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CELLMAP_DATA_CACHE_DIR", str(folder))
    return folder
