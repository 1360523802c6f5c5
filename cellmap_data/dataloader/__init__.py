"""The loader: a stock DataLoader in front, one source of batches behind it, hooks in between.

It knows hooks as a relay and no plugin; see ``cellmap_data.enhanced_dataloader`` for the loader with plugins.
"""

from cellmap_data.dataloader.loader import CellMapDataLoader
from cellmap_data.dataloader.relay import HookRelay, NoPlugins
from cellmap_data.dataloader.report import Report

__all__ = ["CellMapDataLoader", "HookRelay", "NoPlugins", "Report"]
