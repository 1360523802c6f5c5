"""How many voxels of a class there are: told by the volume, remembered from last time, or counted."""

from cellmap_data.image.counting.labels import Labels, count_labels
from cellmap_data.image.counting.tally import Tally

__all__ = ["Labels", "Tally", "count_labels"]
