"""Writing volumes: blocks of voxels into OME-Zarr, and a ledger of those that are done."""

from cellmap_data.image_writer.conversion import Conversion
from cellmap_data.image_writer.ledger import Ledger
from cellmap_data.image_writer.levels import Downsampling
from cellmap_data.image_writer.patches import as_array
from cellmap_data.image_writer.writer import ImageWriter

__all__ = ["Conversion", "Downsampling", "ImageWriter", "Ledger", "as_array"]
