"""The two classes the demo learns, and the classical method it is compared with.

Both come from a volume of instance ids: ``nuclei`` is every voxel that belongs to one, ``boundary`` every
voxel that touches another id (or none) through a face. A boundary is two voxels thick, and it parts nuclei
that touch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "class_masks", "dice", "otsu_threshold"]

CLASSES = ("nuclei", "boundary")


def class_masks(instances: NDArray[np.integer | np.bool_]) -> NDArray[np.bool_]:
    """One mask for each of ``CLASSES``: [2, Z, Y, X] from ids [Z, Y, X], 0 being no nucleus."""
    boundary = np.zeros(instances.shape, dtype=bool)
    for axis in range(instances.ndim):
        ids, edges = np.moveaxis(instances, axis, 0), np.moveaxis(boundary, axis, 0)
        differs = ids[1:] != ids[:-1]
        edges[1:] |= differs
        edges[:-1] |= differs
    return np.stack([instances > 0, boundary])


def otsu_threshold(values: NDArray[np.number], bins: int = 256) -> float:
    """The threshold that best separates two groups of intensities, in the unit of ``values``.

    Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. Syst. Man Cybern. 9 (1979).
    """
    counts, edges = np.histogram(values, bins)
    centres = (edges[1:] + edges[:-1]) / 2
    below, sum_below = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    mean_gap = sum_below[-1] * below / below[-1] - sum_below
    between = np.divide(mean_gap**2, below * above, out=np.zeros(bins), where=below * above > 0)
    return float(centres[np.argmax(between)])


def dice(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Overlap of two masks: 2 |A and B| / (|A| + |B|), 1 for two empty ones."""
    total = int(prediction.sum()) + int(truth.sum())
    return 2 * int((prediction & truth).sum()) / total if total else 1.0
