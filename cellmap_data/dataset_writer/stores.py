"""The volumes that a writer writes, one for each class of each output, and the ledgers of what is done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from cellmap_data.dataset_writer.asked import Asked
from cellmap_data.dataset_writer.geometry import Geometry
from cellmap_data.dataset_writer.window import Key
from cellmap_data.image_writer import ImageWriter, Ledger
from cellmap_data.spatial import VoxelBox
from cellmap_data.storage import join

_AT_ONCE = 8
"""Writes that wait for the store at the same time."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How outputs are stored: as of :class:`~cellmap_data.ImageWriter`."""

    overwrite: bool
    resume: bool
    run_id: str
    context: Any = None
    block_shape: Sequence[int] | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)


Written = tuple[int, str, VoxelBox, npt.NDArray[Any]]
"""The number of an output, a class, a box of its voxels, and their values."""


class Stores:
    """Where a writer writes. Making it makes the volumes, or joins those that are there.

    Pickled, it joins the same volumes again when it is first written to. Threads may share it.
    """

    def __init__(self, asked: Asked, geometry: Geometry, options: WriteOptions) -> None:
        self._run_id, self._context, self._resume = options.run_id, options.context, options.resume
        self.writers = {
            output.name: {
                name: ImageWriter(
                    asked.group(output.name, name),
                    name,
                    output.by_axis(output.lattice.voxel),
                    output.by_axis(_edges(output.lattice.bounding_box)),
                    output.by_axis(options.block_shape or output.patch.shape),
                    context=options.context,
                    overwrite=options.overwrite,
                    resume=options.resume,
                    run_id=options.run_id,
                    channels=output.channels,
                    origin=output.by_axis(output.lattice.origin),
                    **options.stored,
                )
                for name in asked.classes
            }
            for output in geometry.outputs
        }
        self._order = [output.name for output in geometry.outputs]

    @property
    def keys(self) -> list[Key]:
        """The outputs, by number, and their classes."""
        return [(number, name) for number, output in enumerate(self._order) for name in self.writers[output]]

    @property
    def names(self) -> list[str]:
        """The outputs and their classes, in words."""
        return [f"{self._order[number]}/{name}" for number, name in self.keys]

    def ledger(self, name: str, job: Mapping[str, Any]) -> Ledger:
        """The ledger of that name, kept with the first volume; of another job it is an error.

        It is one of these very volumes: where any of them had to be made anew, nothing is done.
        """
        writers = self._all()
        volumes = hashlib.sha256(" ".join(writer.made for writer in writers).encode()).hexdigest()[:16]
        place = join(writers[0].records, f"{name}-{volumes}")
        return Ledger.open(place, job, resume=self._resume, run_id=self._run_id, context=self._context)

    def write(self, parts: Sequence[Written]) -> None:
        """Write boxes, several at a time, and return when all are durable.

        Raises
        ------
        ConfigurationError, StoreError
            As of :meth:`ImageWriter.write`; the first of them, when all writes have ended.
        """
        if len(parts) == 1:
            self._write(parts[0])
        elif parts:
            with ThreadPoolExecutor(min(_AT_ONCE, len(parts))) as pool:
                list(pool.map(self._write, parts))

    def finish(self) -> None:
        """Write the coarser levels of all volumes, where there are to be any."""
        for writer in self._all():
            writer.finish()

    def close(self) -> None:
        """Let go of all volumes; writing opens them again."""
        for writer in self._all():
            writer.close()

    def _all(self) -> list[ImageWriter]:
        return [writer for writers in self.writers.values() for writer in writers.values()]

    def _write(self, part: Written) -> None:
        output, name, box, values = part
        self.writers[self._order[output]][name].write(box, values)


def _edges(box: Any) -> list[tuple[float, float]]:
    return list(zip(box.lo, box.hi, strict=True))
