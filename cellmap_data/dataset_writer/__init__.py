"""Writing: the tiles of an output as a dataset, and whole volumes predicted in memory that is bounded."""

from cellmap_data.dataset_writer.writer import CellMapDatasetWriter

__all__ = ["CellMapDatasetWriter"]
