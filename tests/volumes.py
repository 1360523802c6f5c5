"""The volume makers of ``cellmap_data.testing``, under the short names and keywords that the tests use."""

from __future__ import annotations

from cellmap_data.testing import ramp, write_volume
from cellmap_data.testing import write_crop as make_crop

__all__ = ["make_crop", "ramp", "write_multiscale"]


def write_multiscale(path, array, voxel=(8, 8, 8), origin=(0, 0, 0), *, dtype=None, **options):
    """Write ``array``, as ``dtype`` if one is given; see :func:`cellmap_data.testing.write_volume`."""
    return write_volume(path, array.astype(dtype or array.dtype), voxel, origin, **options)
