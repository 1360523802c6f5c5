"""OME-Zarr metadata (NGFF 0.4, 0.5): which arrays make a multiscale volume, and where they lie in space."""

from cellmap_data.ngff.axes import Axis
from cellmap_data.ngff.multiscale import Level, Multiscale, parse_multiscale
from cellmap_data.ngff.validation import format_violations
from cellmap_data.ngff.writing import listed_paths, with_levels, zarr_format

__all__ = [
    "Axis",
    "Level",
    "Multiscale",
    "format_violations",
    "listed_paths",
    "parse_multiscale",
    "with_levels",
    "zarr_format",
]
