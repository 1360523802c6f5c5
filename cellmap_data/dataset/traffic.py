"""What the reads of a batch ask of the stored arrays, told to whoever records them."""

from __future__ import annotations

import math

from cellmap_data.image import StoredImage, used_shape
from cellmap_data.spatial import ReadPlan, chunks_touched
from cellmap_data.timing import count


class Traffic:
    """Bytes that patches use, and chunks and bytes of the chunks in which these lie: arithmetic on plans.

    A chunk counts for each patch that touches it. Of an array of unknown chunks the bytes asked for count.
    """

    def __init__(self) -> None:
        self._used = self._touched = self._chunks = 0
        self._known: dict[tuple[int, int], tuple[int, int, int]] = {}

    def add(self, image: StoredImage, plan: ReadPlan) -> None:
        """Count one read; ``plan`` lives until :meth:`tell`. The classes of a sample mostly share plans."""
        key = id(plan), id(image.info)
        counts = self._known.get(key)
        if counts is None:
            counts = self._known[key] = _counts(image, plan)
        self._used += counts[0]
        self._touched += counts[1]
        self._chunks += counts[2]

    def tell(self) -> None:
        """Tell whoever records this thread."""
        count(used=self._used, touched=self._touched, chunks=self._chunks)


def _counts(image: StoredImage, plan: ReadPlan) -> tuple[int, int, int]:
    """Bytes used, bytes touched, chunks touched."""
    if plan.source.empty:
        return 0, 0, 0
    itemsize, chunk = image.dtype.itemsize, image.chunks
    used = math.prod(used_shape(plan)) * itemsize
    if chunk is None or image.info.chunks is None:
        return used, math.prod(plan.source.shape) * itemsize, 0
    touched = chunks_touched(plan.source, chunk)
    return used, touched * math.prod(image.info.chunks) * itemsize, touched
