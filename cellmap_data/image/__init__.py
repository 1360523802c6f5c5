"""Stored volumes as images in world space: ask for a place in nm, get voxels of the size you asked for."""

from cellmap_data.image.access import access_of, used_shape
from cellmap_data.image.axes import StoredAxes
from cellmap_data.image.boxes import box_by_axis
from cellmap_data.image.checking import check_volume
from cellmap_data.image.counting import Foreground, Labels, Tally, count_labels, find_foreground
from cellmap_data.image.image import CellMapImage, value_dtype
from cellmap_data.image.reading import PatchRead, start_read
from cellmap_data.image.stored import StoredImage, lattices_of, read_multiscale
from cellmap_data.image.values import ValueCallable, in_a_row

__all__ = [
    "CellMapImage",
    "Foreground",
    "Labels",
    "PatchRead",
    "StoredAxes",
    "StoredImage",
    "Tally",
    "ValueCallable",
    "access_of",
    "box_by_axis",
    "check_volume",
    "count_labels",
    "find_foreground",
    "in_a_row",
    "lattices_of",
    "read_multiscale",
    "start_read",
    "used_shape",
    "value_dtype",
]
