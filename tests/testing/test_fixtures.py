"""The fixture for plugin authors."""

from __future__ import annotations

import os

import pytest

from cellmap_data.plugins import build_manager
from tests.testing.bad_plugins import NoisyValidation


@pytest.fixture
def crowded(monkeypatch):
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "prefetch")
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", "1")


def test_a_clean_manager_has_no_plugins(crowded, clean_manager):
    """Neither has one that is built during the test, whatever the environment names."""
    assert clean_manager.list_plugins() == []
    assert build_manager().list_plugins() == []
    assert "CELLMAP_DATA_DISABLE_PLUGINS" not in os.environ


def test_a_clean_manager_takes_plugins(clean_manager):
    """It is a manager as a loader has one."""
    clean_manager.register_plugin(NoisyValidation(), name="noisy")
    assert clean_manager.call_order("post_sample") == ["noisy"]
