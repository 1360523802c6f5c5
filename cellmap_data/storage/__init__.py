"""Bytes: opening and reading stored arrays, and the memory that may hold decoded chunks."""

from cellmap_data.storage.cache import cache_budget, set_cache_budget
from cellmap_data.storage.files import join, read_json
from cellmap_data.storage.fingerprint import fingerprint
from cellmap_data.storage.metadata import ArrayInfo, read_array_info, read_attributes
from cellmap_data.storage.opening import OpenArray, describe_array, open_array
from cellmap_data.storage.reader import ArrayReader, Box, Pending
from cellmap_data.storage.zarr import ZarrReader, live_reader

__all__ = [
    "ArrayInfo",
    "ArrayReader",
    "Box",
    "OpenArray",
    "Pending",
    "ZarrReader",
    "cache_budget",
    "describe_array",
    "fingerprint",
    "join",
    "live_reader",
    "open_array",
    "read_array_info",
    "read_attributes",
    "read_json",
    "set_cache_budget",
]
