"""The one place where writing reaches up: predictions are read by the loader that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader


def make_loader(dataset: Any, **options: Any) -> EnhancedCellMapDataLoader:
    """A loader with plugins, in which nothing is augmented unless it is asked for."""
    from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader

    return EnhancedCellMapDataLoader(dataset, **{"is_train": False, **options})
