"""Feed PyTorch models with patches of huge microscopy volumes stored as OME-Zarr.

Names are imported on first use (PEP 562): ``import cellmap_data`` reads no volume, probes no device,
discovers no plugin and does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "2026.11.0"

_HOMES = {
    "CellMapDataLoader": "cellmap_data.dataloader",
    "CellMapDataSplit": "cellmap_data.datasplit",
    "CellMapDataset": "cellmap_data.dataset",
    "CellMapDatasetWriter": "cellmap_data.dataset_writer",
    "CellMapImage": "cellmap_data.image",
    "CellMapMultiDataset": "cellmap_data.multidataset",
    "CellMapSubset": "cellmap_data.subdataset",
    "ClassBalancedSampler": "cellmap_data.sampler",
    "EmptyImage": "cellmap_data.empty_image",
    "EnhancedCellMapDataLoader": "cellmap_data.enhanced_dataloader",
    "ForegroundSampler": "cellmap_data.sampler",
    "ImageWriter": "cellmap_data.image_writer",
    "MutableSubsetRandomSampler": "cellmap_data.sampler",
}

__all__ = [
    "CellMapDataLoader",
    "CellMapDataSplit",
    "CellMapDataset",
    "CellMapDatasetWriter",
    "CellMapImage",
    "CellMapMultiDataset",
    "CellMapSubset",
    "ClassBalancedSampler",
    "EmptyImage",
    "EnhancedCellMapDataLoader",
    "ForegroundSampler",
    "ImageWriter",
    "MutableSubsetRandomSampler",
    "__version__",
]

if TYPE_CHECKING:
    from cellmap_data.dataloader import CellMapDataLoader
    from cellmap_data.dataset import CellMapDataset
    from cellmap_data.dataset_writer import CellMapDatasetWriter
    from cellmap_data.datasplit import CellMapDataSplit
    from cellmap_data.empty_image import EmptyImage
    from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
    from cellmap_data.image import CellMapImage
    from cellmap_data.image_writer import ImageWriter
    from cellmap_data.multidataset import CellMapMultiDataset
    from cellmap_data.sampler import ClassBalancedSampler, ForegroundSampler, MutableSubsetRandomSampler
    from cellmap_data.subdataset import CellMapSubset


def __getattr__(name: str) -> Any:
    """Import a public class from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
