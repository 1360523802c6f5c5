"""What CellMap's annotation metadata says about how often a class occurs.

``cellmap.annotation.complement_counts``, among the attributes of an array of labels, is the part of its
histogram that is *not* the class: how many voxels are ``absent``, and how many ``unknown``. All others are
positive. Where only the group has such attributes, they speak of its finest level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cellmap_data.errors import StoreError
from cellmap_data.image.counting.tally import Tally
from cellmap_data.image.stored import StoredImage
from cellmap_data.ngff import parse_multiscale
from cellmap_data.storage import join, read_array_info, read_attributes

_UNKNOWN = "unknown"


def annotated_tally(group: str, stored: StoredImage, context: Any = None) -> Tally | None:
    """The counts that a volume gives for one of its levels, or None.

    Parameters
    ----------
    group : str
        Path of the multiscale group.
    stored : StoredImage
        The level. What is only told of the finest level counts in proportion to the number of voxels.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    """
    voxels = math.prod(stored.source.lattice.shape)
    try:
        own = _tally(read_attributes(stored.uri, context), voxels)
        return own or _of_the_finest(group, stored.uri, voxels, context)
    except StoreError:  # no zarr, or no metadata of its own: a plugin reads the array
        return None


def _of_the_finest(group: str, level: str, voxels: int, context: Any) -> Tally | None:
    attributes = read_attributes(group, context)
    finest = min(parse_multiscale(group, attributes).levels, key=lambda one: math.prod(one.scale))
    uri = join(group, finest.path)
    if uri == level:
        return _tally(attributes, voxels)
    of = math.prod(read_array_info(uri, context).shape)
    tally = _tally(read_attributes(uri, context), of) or _tally(attributes, of)
    return tally and tally.scaled(of, voxels)


def _tally(attributes: Mapping[str, Any], voxels: int) -> Tally | None:
    """The counts of an array of so many voxels; None where they are missing or cannot be right."""
    found: Any = attributes
    for key in ("cellmap", "annotation", "complement_counts"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not found:
        return None
    counts = list(found.values())
    if not all(isinstance(n, int) and n >= 0 for n in counts) or sum(counts) > voxels:
        return None
    return Tally(voxels - sum(counts), voxels - found.get(_UNKNOWN, 0))
