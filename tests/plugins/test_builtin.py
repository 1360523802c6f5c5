"""The built-in plugins, as seen from here: guests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cellmap_data import plugins
from cellmap_data.plugins import DataLoaderPlugin, build_manager

BUILTIN = {
    "PrefetchPlugin": ("prefetch", 100),
    "AugmentationPlugin": ("augmentation", 50),
    "MemoryOptimizationPlugin": ("memory_optimization", 20),
    "DeviceTransferPlugin": ("device_transfer", 10),
}


@pytest.mark.parametrize(("name", "expected"), BUILTIN.items(), ids=BUILTIN)
def test_their_classes_are_found_where_users_look(name, expected):
    """By entry point, with the priorities they are known for."""
    plugin = getattr(plugins, name)()
    assert isinstance(plugin, DataLoaderPlugin)
    assert (plugin.name, plugin.priority) == expected


def test_they_are_registered_in_one_order_and_called_in_another():
    """The order of the switches of the loader, and the order of priorities."""
    manager = build_manager(["prefetch", "augmentation", "device_transfer", "memory_optimization"])
    assert manager.list_plugins() == ["prefetch", "augmentation", "device_transfer", "memory_optimization"]
    assert manager.call_order("post_collate") == ["memory_optimization", "device_transfer"]


def test_importing_the_package_imports_no_plugin():
    """They are looked up when they are asked for."""
    code = "import sys, cellmap_data.plugins; print(*sys.modules, sep=chr(10))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = result.stdout.split()
    assert "cellmap_data.plugins" in modules
    assert not {"cellmap_data_plugins_builtin", "torch", "cellmap_data.dataloader"} & set(modules)


def test_all_that_is_offered_is_there():
    """``__all__`` is sorted and complete, and a wrong name is the usual error."""
    assert plugins.__all__ == sorted(plugins.__all__)
    assert all(hasattr(plugins, name) for name in plugins.__all__)
    with pytest.raises(AttributeError, match="NoPlugin"):
        plugins.NoPlugin  # noqa: B018
