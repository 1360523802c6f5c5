"""The patches of raw from which tiles of an output are made, as a dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, SupportsIndex

from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.dataset import CellMapDataset, Entry, Layout
from cellmap_data.dataset_writer.asked import Asked, without_channels
from cellmap_data.dataset_writer.geometry import Geometry
from cellmap_data.dataset_writer.positions import TilePositions
from cellmap_data.image import box_by_axis
from cellmap_data.sampler import Draw


class TileDataset(CellMapDataset):
    """Raw patches, one for each tile of an output; what transforms draw depends on the tile alone.

    Parameters
    ----------
    asked : Asked
        What is to be written.
    raw_path : str
        The raw volume.
    input_arrays : mapping
        As for :class:`~cellmap_data.CellMapDataset`; shapes may begin with a number of channels.
    **options
        As for :class:`~cellmap_data.CellMapDataset`.
    """

    def __init__(self, asked: Asked, raw_path: str, input_arrays: ArrayOptions, **options: Any) -> None:
        self.asked = asked
        self._geometry: Geometry | None = None
        arrays = {name: without_channels(array) for name, array in input_arrays.items()}
        super().__init__(
            raw_path, classes=asked.classes, input_arrays=arrays, pad=True, is_train=False, **options
        )

    @property
    def geometry(self) -> Geometry:
        """Where the outputs lie; read from the metadata of raw when it is first asked for."""
        _ = self.layout
        assert self._geometry is not None, "the layout made it"
        return self._geometry

    @property
    def bounding_box(self) -> dict[str, tuple[float, float]] | None:
        """The space that is written, ``{axis: (lo, hi)}`` in nm."""
        return box_by_axis(self.geometry.bounding_box)

    def locate(self, index: SupportsIndex) -> Entry:
        """What an index stands for; the random numbers are those of the tile, whoever asks and when."""
        entry = super().locate(index)
        return replace(entry, draw=Draw(self.seed or 0, 0, entry.position))

    def _find(self) -> Layout:
        layout, readers = super()._find(), self._readers
        raw = readers.volume(self.raw_path)
        self._geometry = geometry = Geometry.of(self.asked.targets, raw, readers.describe)
        return replace(layout, grid=TilePositions(geometry.frame, geometry.tiles))
