"""The tiles of the regions that are predicted, as a dataset for a loader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

from torch.utils.data import Dataset

from cellmap_data.buffers import Allocate, fresh
from cellmap_data.config import ArraySpec
from cellmap_data.dataset import BatchDTypes, CellMapDataset, Entry, Recipe, Sample, position, read_entries
from cellmap_data.dataset_writer.regions import Work
from cellmap_data.image import StoredImage
from cellmap_data.sampler import Draw
from cellmap_data.spatial import Box, PatchSpec, Shape, Tiling, Vec


@dataclass(frozen=True, slots=True)
class WorkPositions:
    """The middles of the patches of all tiles of some work, by their numbers."""

    work: Work

    @property
    def counts(self) -> Shape:
        """All of them, in a row."""
        return 1, 1, self.work.size

    @property
    def size(self) -> int:
        """One more than the largest number."""
        return self.work.size

    @property
    def sampling_box(self) -> Box:
        """The space (nm) that is predicted."""
        return self.work.frame.lattice.bounding_box

    def centre(self, i: int) -> Vec:
        """The middle of the patch of a tile, nm; IndexError where there is none."""
        place = self.work.place(i)
        return self.work.frame.box(self.work.planes[place.plane].patch_of(place.tile)).centre

    def tiles(self, extent: Vec) -> Tiling:  # noqa: ARG002 - they are tiles already
        """All of them."""
        return Tiling(self.counts, (1, 1, 1))


class WorkTiles(Dataset[Sample]):
    """The inputs of each tile of some work. Numbers that stand for no tile are an IndexError.

    Parameters
    ----------
    dataset : CellMapDataset
        What reads the inputs: its arrays, transforms and plugins.
    work : Work
        The tiles.
    turns : sequence of tuple of int
        For each way in which the patch lies, along which axis of the dataset's arrays each axis runs.
    """

    def __init__(self, dataset: CellMapDataset, work: Work, turns: Sequence[Shape]) -> None:
        self._dataset, self._work, self._turns = dataset, work, tuple(turns)
        self._recipes: tuple[Recipe, tuple[Recipe, ...]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recipes": None}

    def __len__(self) -> int:
        return self._work.size

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """The inputs of one tile."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> list[Sample]:
        """The inputs of several tiles, read together."""
        return self.read_batch(indices, fresh)

    def read_batch(self, indices: Sequence[SupportsIndex], allocate: Allocate) -> list[Sample]:
        """As :meth:`CellMapDataset.read_batch`. What a transform draws depends on nothing but the tile."""
        recipes = self._all_recipes()
        seed = self._dataset.seed or 0
        entries = []
        for index in indices:
            number = position(index, self._work.size)
            recipe = recipes[self._work.place(number).plane]
            entries.append(Entry(recipe, number, Draw(seed, 0, number), number))
        return read_entries(entries, BatchDTypes.common(recipes), allocate) if entries else []

    def describe(self, index: SupportsIndex) -> str:
        """Where a tile lies, in words."""
        number = position(index, self._work.size)
        centre = ", ".join(f"{c:.12g}" for c in WorkPositions(self._work).centre(number))
        region = self._work.place(number).region
        return f"region {region}, raw {self._dataset.raw_path}, centre (z, y, x) = ({centre}) nm"

    def lend_plugins(self, plugins: Any) -> None:
        """Let the dataset open its arrays through these plugins; None takes back what was lent."""
        self._dataset.lend_plugins(plugins)

    @property
    def classes(self) -> list[str]:
        """The classes that are written."""
        return self._dataset.classes

    @property
    def revision(self) -> int:
        """Grows with every change of transforms or plugins."""
        return self._dataset.revision

    def _all_recipes(self) -> tuple[Recipe, ...]:
        """One for each way in which the patch lies."""
        recipe, known = self._dataset.recipe, self._recipes
        if known is None or known[0] is not recipe:
            turned = tuple(self._turned(recipe, turn) for turn in self._turns)
            self._recipes = known = recipe, turned
        return known[1]

    def _turned(self, recipe: Recipe, turn: Shape) -> Recipe:
        inputs = tuple(_turned_image(image, turn) for image in recipe.layout.inputs)
        return replace(
            recipe,
            request=replace(
                recipe.request, inputs=tuple(_turned_spec(spec, turn) for spec in recipe.request.inputs)
            ),
            layout=replace(recipe.layout, inputs=inputs, grid=WorkPositions(self._work)),
        )


def turned(values: Sequence[Any], turn: Shape) -> tuple[Any, Any, Any]:
    """One value for each axis of a patch, as the patch lies after a turn."""
    z, y, x = turn
    return values[z], values[y], values[x]


def _turned_spec(spec: ArraySpec, turn: Shape) -> ArraySpec:
    return replace(spec, shape=turned(spec.shape, turn))


def _turned_image(image: StoredImage, turn: Shape) -> StoredImage:
    patch = image.source.patch
    return replace(
        image, source=replace(image.source, patch=PatchSpec(turned(patch.shape, turn), patch.voxel))
    )
