"""One sample of a batch: which one, where it lies, and how each of its arrays is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

from cellmap_data.dataset.recipe import Recipe
from cellmap_data.dataset.traffic import Traffic
from cellmap_data.errors import SampleError, StoreError, message
from cellmap_data.image import PatchRead, StoredImage, start_read
from cellmap_data.sampler import Draw
from cellmap_data.spatial import Bend, Field, Motion, ReadPlan, Source, Vec

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample of a batch: what makes it, which position of its crop, which draw, and its ``idx``."""

    recipe: Recipe
    position: int
    draw: Draw
    idx: int


@dataclass(frozen=True, slots=True)
class Planned:
    """An entry whose place (nm) and motion are settled. Arrays that ask the same share one plan."""

    entry: Entry
    centre: Vec
    motion: Motion
    plans: dict[tuple[Source, bool], ReadPlan] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry) -> Planned:
        """Place and move a sample."""
        centre = entry.recipe.layout.grid.centre(entry.position)
        return cls(entry, centre, entry.recipe.motion(centre, entry.draw))

    @property
    def recipe(self) -> Recipe:
        """What makes the sample."""
        return self.entry.recipe

    def plan(self, image: StoredImage, *, linear: bool) -> ReadPlan:
        """How to read one array of the sample; labels (not ``linear``) take the nearest voxels."""
        key = image.source, linear
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = image.plan(self.centre, self.motion, snap=not linear, average=linear)
        return plan


class Reads:
    """The reads of a batch that are under way, and the first that failed."""

    def __init__(self) -> None:
        self._under_way: list[tuple[Entry, str, str, PatchRead]] = []
        self._failure: SampleError | None = None
        self._traffic = Traffic()

    def start(
        self, planned: Planned, name: str, image: StoredImage, out: Array, *, linear: bool, fill: float
    ) -> None:
        """Start to read one array of a sample into ``out`` (z, y, x); a failure is kept for :meth:`wait`."""
        plan = planned.plan(image, linear=linear)
        try:
            reader = planned.recipe.readers.get(image)
            read = start_read(reader, image.axes, plan, out, linear=linear, fill=fill)
        except StoreError as error:
            self._failed(planned.entry, name, image.uri, error)
        else:
            self._under_way.append((planned.entry, name, image.uri, read))
            self._traffic.add(image, plan)

    def wait(self) -> None:
        """Wait until nothing writes into the batch's memory any more, whatever fails.

        Sample by sample, so that the displacements of only one are held, however large the batch is.
        """
        samples: dict[int, list[tuple[Entry, str, str, PatchRead]]] = {}
        for under_way in self._under_way:
            samples.setdefault(id(under_way[0]), []).append(under_way)
        for reads in samples.values():
            fields: dict[Bend, Field] = {}
            for entry, name, uri, read in reads:
                try:
                    read.result(fields)
                except StoreError as error:
                    self._failed(entry, name, uri, error)

    def check(self) -> None:
        """Raise the first failure, if there was one; tell how much was read."""
        self._traffic.tell()
        if self._failure is not None:
            raise self._failure

    def _failed(self, entry: Entry, name: str, uri: str, error: StoreError) -> None:
        if self._failure is None:
            place = f"array {name!r} of index {entry.idx}, read from {uri}"
            self._failure = SampleError(message("A sample could not be read.", place=place, got=error))
            self._failure.__cause__ = error
