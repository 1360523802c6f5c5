"""Where the classes of crops show, as positions: what draws that hit a class are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cellmap_data.dataset.layout import Layout
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import Foreground, Labels, find_foreground
from cellmap_data.sampler import CropSightings, Sightings
from cellmap_data.spatial import Grid, Source, positions_showing, voxels_shown


class Crop(Protocol):
    """A crop, as far as finding its classes goes."""

    @property
    def layout(self) -> Layout:
        """Where everything lies."""

    @property
    def labels(self) -> dict[str, Labels]:
        """The labels of each annotated class."""


def foreground(crops: Sequence[Crop], block: int) -> CropSightings:
    """Find the classes of crops, all of them together.

    Returns
    -------
    sequence of tuple
        Of each crop, its positions per axis and, for each annotated class, where it shows.
    """
    grids = [_grid(crop.layout) for crop in crops]
    wanted = [
        (number, name, labels)
        for number, crop in enumerate(crops)
        for name, labels in (crop.labels if grids[number].size else {}).items()
    ]
    found = find_foreground(
        [(labels, voxels_shown(grids[number], labels.stored.source)) for number, _, labels in wanted], block
    )
    classes: list[dict[str, Sightings]] = [{} for _ in crops]
    for (number, name, labels), blocks in zip(wanted, found, strict=True):
        classes[number][name] = _sightings(grids[number], labels.stored.source, blocks)
    return [(grid.counts, shown) for grid, shown in zip(grids, classes, strict=True)]


def _sightings(grid: Grid, source: Source, blocks: Foreground) -> Sightings:
    """The positions that show each block; blocks that none shows are left out."""
    first, number = positions_showing(grid, source, blocks.voxels)
    shown = (number > 0).all(axis=1)
    return Sightings(blocks.counts[shown], first[shown], number[shown])


def _grid(layout: Layout) -> Grid:
    """The positions of a crop, which must be all that its volumes allow.

    Raises
    ------
    ConfigurationError
        If they are places that somebody chose, such as the tiles of a prediction.
    """
    if not isinstance(layout.grid, Grid):
        raise ConfigurationError(
            message(
                "Classes are looked for at the positions of a grid.",
                expected="a dataset of crops",
                got=type(layout.grid).__name__,
            )
        )
    return layout.grid
