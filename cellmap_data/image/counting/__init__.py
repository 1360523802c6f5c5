"""How many voxels of a class there are, and where: told by the volume, remembered, or looked at."""

from cellmap_data.image.counting.foreground import Foreground, find_foreground
from cellmap_data.image.counting.labels import Labels, count_labels
from cellmap_data.image.counting.tally import Tally

__all__ = ["Foreground", "Labels", "Tally", "count_labels", "find_foreground"]
