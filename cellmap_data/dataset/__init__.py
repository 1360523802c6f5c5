"""One crop as a torch dataset: an index becomes a sample of aligned raw and label patches."""

from cellmap_data.buffers import Allocate, fresh
from cellmap_data.dataset.accesses import advice_for
from cellmap_data.dataset.ahead import ReadAhead
from cellmap_data.dataset.batch import BatchDTypes, Sample, read_entries
from cellmap_data.dataset.counts import Counts, class_counts, class_weights, crop_weights
from cellmap_data.dataset.crawling import find_faults, read_metadata
from cellmap_data.dataset.dataset import CellMapDataset
from cellmap_data.dataset.foreground import foreground
from cellmap_data.dataset.indices import JoinedIndices, position, sizes_within
from cellmap_data.dataset.layout import Layout
from cellmap_data.dataset.origin import Origin
from cellmap_data.dataset.planned import Entry
from cellmap_data.dataset.readers import Plugins
from cellmap_data.dataset.recipe import Recipe
from cellmap_data.dataset.request import Contents, Request
from cellmap_data.dataset.sampling import CropSamplers, subset_sampler, weighted_sampler

__all__ = [
    "Allocate",
    "BatchDTypes",
    "CellMapDataset",
    "Contents",
    "Counts",
    "CropSamplers",
    "Entry",
    "JoinedIndices",
    "Layout",
    "Origin",
    "Plugins",
    "ReadAhead",
    "Recipe",
    "Request",
    "Sample",
    "advice_for",
    "class_counts",
    "class_weights",
    "crop_weights",
    "find_faults",
    "foreground",
    "fresh",
    "position",
    "read_entries",
    "read_metadata",
    "sizes_within",
    "subset_sampler",
    "weighted_sampler",
]
