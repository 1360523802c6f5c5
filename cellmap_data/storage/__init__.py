"""Bytes: opening and reading stored arrays, and the memory that may hold decoded chunks."""

from cellmap_data.storage.access import is_remote, key_value_store
from cellmap_data.storage.cache import cache_budget, live_reader, set_cache_budget, shared_context
from cellmap_data.storage.files import join, read_documents
from cellmap_data.storage.fingerprint import fingerprint
from cellmap_data.storage.metadata import ArrayInfo, read_array_info, read_attributes
from cellmap_data.storage.opening import OpenArray, describe_array, describe_group, open_array
from cellmap_data.storage.reader import ArrayReader, Box, GroupReader, Pending
from cellmap_data.storage.zarr import ZarrReader

__all__ = [
    "ArrayInfo",
    "ArrayReader",
    "Box",
    "GroupReader",
    "OpenArray",
    "Pending",
    "ZarrReader",
    "cache_budget",
    "describe_array",
    "describe_group",
    "fingerprint",
    "is_remote",
    "join",
    "key_value_store",
    "live_reader",
    "open_array",
    "read_array_info",
    "read_attributes",
    "read_documents",
    "set_cache_budget",
    "shared_context",
]
