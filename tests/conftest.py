"""What every test runs under."""

from __future__ import annotations

import pytest
from hypothesis import settings

# On a busy machine an example of hypothesis may take long, which says nothing of the code.
settings.register_profile("everyday", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=3000, deadline=None)  # --hypothesis-profile thorough
settings.load_profile("everyday")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    """A folder for counts of this test alone: none reads or fills the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CELLMAP_DATA_CACHE_DIR", str(folder))
    return folder
