"""OME-Zarr metadata (NGFF 0.4, 0.5): which arrays make a multiscale volume, and where they lie in space."""

from cellmap_data.ngff.axes import Axis
from cellmap_data.ngff.multiscale import Level, Multiscale, parse_multiscale

__all__ = ["Axis", "Level", "Multiscale", "parse_multiscale"]
