"""Predict regions: what a process does, be it this one or one on another machine."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from cellmap_data.dataset_writer.loading import make_loader
from cellmap_data.dataset_writer.regions import Batches, Work
from cellmap_data.dataset_writer.scratch import Scratch
from cellmap_data.dataset_writer.values import Array, Given, cut, given_values
from cellmap_data.dataset_writer.weights import Blend, patch_weights
from cellmap_data.dataset_writer.window import Blending, Key, Mosaic, Window
from cellmap_data.dataset_writer.work_tiles import WorkTiles, turned
from cellmap_data.errors import ConfigurationError, PredictionError, message
from cellmap_data.spatial import Shape

if TYPE_CHECKING:
    from cellmap_data.dataset_writer.writer import CellMapDatasetWriter
    from cellmap_data.image_writer import Ledger


@dataclass(frozen=True)
class Job:
    """A prediction: everything it takes to make any region of it, in any process.

    Attributes
    ----------
    writer : CellMapDatasetWriter
        Reads the inputs, and writes.
    model : callable
        From the input, or a mapping of the inputs, to the values of a batch.
    work : Work
        The regions and their tiles.
    turns : tuple of tuple of int
        For each way in which the patch lies, along which axis each of its axes runs.
    blend : {"gaussian", "constant"}
        How overlapping tiles are weighted.
    batch_size : int
        Tiles that the model is given at once.
    device : str or None
        Where batches and the model are put.
    loader : mapping
        Further options of the loader.
    """

    writer: CellMapDatasetWriter
    model: Any
    work: Work
    turns: tuple[Shape, ...]
    blend: Blend
    batch_size: int
    device: str | None = None
    loader: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Ledger:
        """The regions that are done."""
        return self.writer.stores.ledger("regions", self.description)

    @property
    def description(self) -> dict[str, Any]:
        """What must be the same for a region to be the same, in the words of JSON."""
        return {
            "volumes": self.writer.stores.names,
            "frame": list(self.work.frame.lattice.shape),
            "region": list(self.work.region),
            "patches": [list(tiles.patch) for tiles in self.work.planes],
            "overlap": [list(tiles.overlap) for tiles in self.work.planes],
            "blend": self.blend,
        }

    def run(self, regions: Sequence[int]) -> Iterator[int]:
        """Predict regions one after the other; each is written while the next one is predicted.

        Yields
        ------
        int
            Each region when it is written and its record is durable.

        Raises
        ------
        PredictionError
            If one fails, naming it; those before it are done.
        """
        with contextlib.closing(self._batches(regions)) as batches, ThreadPoolExecutor(1) as pool:
            scratch, writing = Scratch(), list[tuple[int, Window, Future[None]]]()
            for region in regions:
                with self._naming(region):
                    window = self._predicted(region, batches, scratch)
                    results = window.results()
                if writing:  # two windows at most: the one that is written, and the next
                    yield self._written(*writing.pop())
                writing.append((region, window, pool.submit(self._write, region, results)))
            if writing:
                yield self._written(*writing.pop())

    def _batches(self, regions: Sequence[int]) -> Generator[Any, None, None]:
        loader = make_loader(
            WorkTiles(self.writer, self.work, self.turns),
            batch_sampler=Batches(self.work, regions, self.batch_size),
            device=self.device,
            **self.loader,
        )
        try:
            yield from loader
        finally:
            loader.close()

    def _predicted(self, region: int, batches: Iterator[Any], scratch: Scratch) -> Window:
        """What holds all tiles of a region."""
        work, window = self.work, self._window(region, scratch)
        for plane in range(len(work.planes)):
            left = len(work.numbers(region, plane))
            while left:
                batch = next(batches)
                numbers = [int(number) for number in batch["idx"]]
                values = self._values(batch, plane, len(numbers))
                for row, number in enumerate(numbers):
                    self._add(window, region, plane, work.place(number).tile, values, row)
                left -= len(numbers)
        return window

    def _window(self, region: int, scratch: Scratch) -> Window:
        blended = len(self.work.planes) > 1 or any(any(tiles.overlap) for tiles in self.work.planes)
        boxes = self.writer.geometry.boxes(self.work.regions[region])
        return (Blending if blended else Mosaic)(boxes, scratch)

    def _values(self, batch: Mapping[str, Any], plane: int, count: int) -> list[Given]:
        """What the model makes of a batch, all classes of all outputs."""
        names, model = list(self.writer.input_arrays), self._ready_model()
        with torch.no_grad():
            made = model(batch[names[0]] if len(names) == 1 else {name: batch[name] for name in names})
        writer = self.writer
        given = list(given_values(made, writer.asked, writer.geometry.outputs, self._shapes(plane), count))
        missing = set(writer.stores.keys) - {(one.output, one.name) for one in given}
        if missing:
            raise ConfigurationError(
                message(
                    "A model must give all that is to be written.",
                    expected=", ".join(writer.stores.names),
                    got=f"nothing for {sorted(missing)}",
                )
            )
        return given

    def _add(
        self, window: Window, region: int, plane: int, tile: Shape, given: Sequence[Given], row: int
    ) -> None:
        """Put what the model gave for one tile into the window of a region."""
        geometry, tiles = self.writer.geometry, self.work.planes[plane]
        patch = tiles.patch_of(tile)
        boxes = geometry.boxes(tiles.part_of(tile).common(self.work.regions[region]))
        firsts = geometry.firsts(patch, self._shapes(plane))
        for number, box in boxes.items():
            whole = geometry.outputs[number].within(geometry.frame.box(patch))
            window.weigh(number, box, cut(patch_weights(whole.shape, self.blend), box, whole.lo))
        for number, name, values in given:
            if number in boxes:
                window.add((number, name), boxes[number], cut(values[row], boxes[number], firsts[number]))

    def _shapes(self, plane: int) -> list[Shape]:
        """The patch of each output for one way in which the patch lies."""
        return [turned(output.patch.shape, self.turns[plane]) for output in self.writer.geometry.outputs]

    def _ready_model(self) -> Any:
        """The model, where batches are and in evaluation mode."""
        if isinstance(self.model, torch.nn.Module):
            self.model.eval()
            return self.model if self.device is None else self.model.to(self.device)
        return self.model

    def _write(self, region: int, results: Mapping[Key, Array]) -> None:
        boxes = self.writer.geometry.boxes(self.work.regions[region])
        self.writer.stores.write(
            [(number, name, boxes[number], values) for (number, name), values in results.items()]
        )
        self.ledger.add(region)

    def _written(self, region: int, window: Window, writing: Future[None]) -> int:
        """The region, when it is written."""
        with self._naming(region):
            writing.result()
        window.release()
        return region

    @contextlib.contextmanager
    def _naming(self, region: int) -> Iterator[None]:
        """Say of an error which region it is about."""
        try:
            yield
        except Exception as error:
            raise self._failed(region, error) from error

    def _failed(self, region: int, error: Exception) -> PredictionError:
        box, regions = self.work.regions[region], self.work.regions.size
        voxels = ", ".join(f"{a}:{b}" for a, b in zip(box.lo, box.hi, strict=True))
        return PredictionError(
            message(
                "A region could not be predicted and written.",
                place=f"region {region} of {regions}, voxels [{voxels}] of {self.writer.target_path}",
                got=f"{type(error).__name__}: {error}",
                hint="regions that were done before are written; with resume=True the rest is",
            )
        )


def run_regions(job: Job, *regions: int) -> None:
    """Predict and write regions: what an executor is handed."""
    for _ in job.run(regions):
        pass
