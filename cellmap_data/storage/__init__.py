"""Bytes: opening, reading and writing stored arrays, and the memory that may hold decoded chunks."""

from cellmap_data.storage.access import is_remote, key_value_store, local_path, real_path
from cellmap_data.storage.cache import (
    cache_budget,
    live_reader,
    set_cache_budget,
    shared_context,
)
from cellmap_data.storage.failures import writing_failed
from cellmap_data.storage.files import join, read_documents
from cellmap_data.storage.fingerprint import fingerprint
from cellmap_data.storage.heap import keep_freed_memory, use_one_heap
from cellmap_data.storage.hierarchy import change_attributes, make_group, make_groups, node_at
from cellmap_data.storage.listing import Folders
from cellmap_data.storage.metadata import ArrayInfo, read_array_info, read_attributes
from cellmap_data.storage.meter import take_counts
from cellmap_data.storage.objects import Objects, Stored
from cellmap_data.storage.opening import OpenArray, describe_array, describe_group, open_array
from cellmap_data.storage.reader import ArrayReader, Box, GroupReader, Pending, uniform_value
from cellmap_data.storage.removal import remove_all
from cellmap_data.storage.writing import ArrayLayout, ZarrWriter
from cellmap_data.storage.zarr import ZarrReader

__all__ = [
    "ArrayInfo",
    "ArrayLayout",
    "ArrayReader",
    "Box",
    "Folders",
    "GroupReader",
    "Objects",
    "OpenArray",
    "Pending",
    "Stored",
    "ZarrReader",
    "ZarrWriter",
    "cache_budget",
    "change_attributes",
    "describe_array",
    "describe_group",
    "fingerprint",
    "is_remote",
    "join",
    "keep_freed_memory",
    "key_value_store",
    "live_reader",
    "local_path",
    "make_group",
    "make_groups",
    "node_at",
    "open_array",
    "read_array_info",
    "read_attributes",
    "read_documents",
    "real_path",
    "remove_all",
    "set_cache_budget",
    "shared_context",
    "take_counts",
    "uniform_value",
    "use_one_heap",
    "writing_failed",
]
