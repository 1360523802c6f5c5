"""Stored volumes as images in world space: ask for a place in nm, get voxels of the size you asked for."""

from cellmap_data.image.axes import StoredAxes
from cellmap_data.image.boxes import box_by_axis
from cellmap_data.image.checking import check_volume
from cellmap_data.image.image import CellMapImage, value_dtype
from cellmap_data.image.reading import PatchRead, start_read
from cellmap_data.image.stored import StoredImage, read_multiscale
from cellmap_data.image.values import ValueCallable, in_a_row

__all__ = [
    "CellMapImage",
    "PatchRead",
    "StoredAxes",
    "StoredImage",
    "ValueCallable",
    "box_by_axis",
    "check_volume",
    "in_a_row",
    "read_multiscale",
    "start_read",
    "value_dtype",
]
