"""Plugins: how they are written, found, ordered and called.

A plugin is a :class:`DataLoaderPlugin`, or any module, class or object with functions marked by
``cellmap_data.hookspecs.hookimpl``. Installed ones are found by their entry point in the group
``cellmap_data.plugins`` and enabled by its name. The built-in plugins are found in the same way;
``PrefetchPlugin`` and its three sisters are looked up when they are asked for.
"""

from typing import Any

from cellmap_data.plugins import discovery
from cellmap_data.plugins.base import DataLoaderPlugin
from cellmap_data.plugins.failures import FailurePolicy
from cellmap_data.plugins.listing import InstalledPlugin, installed_plugins
from cellmap_data.plugins.manager import PluginManager
from cellmap_data.plugins.order_report import AbsentName, OrderReport, Place
from cellmap_data.plugins.relay import PluginRelay
from cellmap_data.plugins.requirements import API_VERSION
from cellmap_data.plugins.selection import build_manager

_ENTRY_POINTS = {
    "AugmentationPlugin": "augmentation",
    "DeviceTransferPlugin": "device_transfer",
    "MemoryOptimizationPlugin": "memory_optimization",
    "PrefetchPlugin": "prefetch",
}

__all__ = [
    "API_VERSION",
    "AbsentName",
    "AugmentationPlugin",
    "DataLoaderPlugin",
    "DeviceTransferPlugin",
    "FailurePolicy",
    "InstalledPlugin",
    "MemoryOptimizationPlugin",
    "OrderReport",
    "Place",
    "PluginManager",
    "PluginRelay",
    "PrefetchPlugin",
    "build_manager",
    "installed_plugins",
]


def __getattr__(name: str) -> Any:
    """Find the class of a built-in plugin by its entry point."""
    if name not in _ENTRY_POINTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return discovery.load(discovery.find(_ENTRY_POINTS[name], discovery.installed()))


def __dir__() -> list[str]:
    return __all__
