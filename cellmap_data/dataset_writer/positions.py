"""The tiles of a frame, as the positions of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from cellmap_data.dataset_writer.outputs import Frame
from cellmap_data.spatial import Box, Shape, Tiles, Tiling, Vec, check_position, round_down


@dataclass(frozen=True, slots=True)
class TilePositions:
    """One position for each tile: the middle of its patch.

    Attributes
    ----------
    frame : Frame
        What the tiles cover.
    cut : Tiles
        The tiles.
    """

    frame: Frame
    cut: Tiles

    @property
    def counts(self) -> Shape:
        """Tiles per axis."""
        return self.cut.counts

    @property
    def size(self) -> int:
        """The number of tiles."""
        return self.cut.size

    @property
    def sampling_box(self) -> Box:
        """The closed box of the centres, nm."""
        z, y, x = self.counts
        return Box(self.centre(0), self._middle((z - 1, y - 1, x - 1)))

    def centre(self, i: int) -> Vec:
        """The middle of the patch of a tile, nm; IndexError where there is none."""
        check_position(i, self.size)
        return self._middle(self.cut.place(i))

    def tiles(self, extent: Vec) -> Tiling:
        """Tiles of which each stands for a box of ``extent`` (nm): all, if that is no more than a tile."""
        sizes = zip(extent, self.cut.patch, self.frame.lattice.voxel, strict=True)
        z, y, x = (max(round_down(length / (n * s)), 1) for length, n, s in sizes)
        return Tiling(self.counts, (z, y, x))

    def _middle(self, place: Shape) -> Vec:
        return self.frame.box(self.cut.patch_of(place)).centre
