"""Count the labels of many volumes: each array is looked at once, several at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.image.counting.annotation import annotated_tally
from cellmap_data.image.counting.memory import Remembered
from cellmap_data.image.counting.tally import Tally
from cellmap_data.image.stored import StoredImage
from cellmap_data.progress import Bar
from cellmap_data.spatial import Blocks
from cellmap_data.storage import ArrayReader

_CRAWLERS = 16  # volumes whose metadata is read at a time: on a cluster each file is a round trip
READERS = max(2, min(8, os.cpu_count() or 1))  # each holds one block; the chunks of it come in parallel


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one class of one crop.

    Attributes
    ----------
    group : str
        Path of the multiscale group.
    stored : StoredImage
        The level that counts: the one that patches are read from.
    open : callable
        Opens the array at a path; not called unless it must be read.
    context : object
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    """

    group: str
    stored: StoredImage
    open: Callable[[str], ArrayReader] = field(compare=False, repr=False)
    context: Any = field(default=None, compare=False, repr=False)

    @property
    def voxels(self) -> int:
        """The number of voxels of the level."""
        return math.prod(self.stored.source.lattice.shape)


def count_labels(labels: Iterable[Labels]) -> dict[str, Tally]:
    """Count the voxels of labels, each array once.

    In this order: what the volume says in its annotation metadata; what an earlier count of the same array
    left in the user's cache; a look at every voxel, which is then kept there. Nothing is ever written to the
    data. Whoever waits at a terminal sees a bar.

    Parameters
    ----------
    labels : iterable of Labels
        Any number, in any order; the same array may come several times.

    Returns
    -------
    dict
        Path of the array -> its counts.

    Raises
    ------
    StoreError
        If an array must be read and cannot be.
    """
    arrays = {one.stored.uri: one for one in labels}
    with Bar("Looking up counts", len(arrays)) as bar, ThreadPoolExecutor(_CRAWLERS) as pool:
        told = pool.map(lambda one: _without_reading(one, bar), arrays.values())
        found = dict(zip(arrays, told, strict=True))
    unknown = [arrays[uri] for uri, tally in found.items() if tally is None]
    total = sum(one.voxels for one in unknown)
    with Bar("Counting labels", total) as bar, ThreadPoolExecutor(READERS) as pool:
        tallies = list(pool.map(lambda one: _read(one, bar), unknown))
    counted = {one.stored.uri: tally for one, tally in zip(unknown, tallies, strict=True)}
    return {uri: tally for uri, tally in found.items() if tally is not None} | counted


def _without_reading(labels: Labels, bar: Bar) -> Tally | None:
    told = annotated_tally(labels.group, labels.stored, labels.context)
    told = told or Remembered(labels.stored.uri, labels.context).recall()
    bar.advance(1)
    return told


def _read(labels: Labels, bar: Bar) -> Tally:
    """Look at every voxel, block by block."""
    stored, positive, known = labels.stored, 0, 0
    place = Remembered(stored.uri, labels.context)  # as it is before the first voxel is read
    reader = labels.open(stored.uri)
    edge = read_edge(stored.dtype)
    for box in Blocks(stored.source.lattice.shape, (edge, edge, edge)):
        block = reader.read(stored.axes.index(box))
        missing = _missing(block)
        positive += int(np.count_nonzero(block > 0))
        known += block.size - missing
        bar.advance(block.size)
    tally = Tally(positive, known)
    place.keep(tally)
    return tally


def read_edge(dtype: np.dtype[Any]) -> int:
    """Voxels along each edge of what is read at a time: a multiple of usual chunks, at most 16 MB."""
    return 256 if dtype.itemsize == 1 else 128


def _missing(block: npt.NDArray[Any]) -> int:
    """Voxels that are no number."""
    return int(np.count_nonzero(np.isnan(block))) if block.dtype.kind == "f" else 0
