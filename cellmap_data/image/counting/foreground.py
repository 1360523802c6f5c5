"""Where a class shows: the blocks of an array of labels that hold any of it, found by looking once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.image.counting.labels import READERS, Labels, read_edge
from cellmap_data.image.counting.memory import Place
from cellmap_data.progress import Bar
from cellmap_data.spatial import Blocks, Shape, VoxelBox
from cellmap_data.storage import ArrayReader

_FORM = 1
"""Grows when what is kept changes its meaning: older files are not looked at then."""

_Row: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Foreground:
    """The blocks of an array in which a class shows; memory for these and for no others.

    Attributes
    ----------
    counts : ndarray of int64
        Positive voxels of each block, [n].
    voxels : ndarray of int64
        One of them, as its index z, y, x in the array, [n, 3]: the middle one in C order.
    """

    counts: npt.NDArray[np.int64]
    voxels: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64]) -> Foreground:
        """From one row for each block: its count and its voxel."""
        return cls(rows[:, 0], rows[:, 1:])


def find_foreground(wanted: Iterable[tuple[Labels, VoxelBox]], block: int) -> list[Foreground]:
    """Find the blocks in which classes show, several arrays at a time.

    What an earlier search of the same array left in the user's cache is taken from there; otherwise every
    voxel is looked at once, and the blocks are kept. Nothing is ever written to the data. Whoever waits at a
    terminal sees a bar.

    Parameters
    ----------
    wanted : iterable of tuple
        Labels, and the voxels of their level that matter.
    block : int
        Voxels along each edge of a block. The first block begins at the first voxel of the array.

    Returns
    -------
    list of Foreground
        In the order of ``wanted``.

    Raises
    ------
    StoreError
        If an array must be read and cannot be.
    """
    searches = [_Search(labels, within, block) for labels, within in wanted]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(_Search.recall, searches))
        missing = [search for search, rows in zip(searches, found, strict=True) if rows is None]
        with Bar("Looking for classes", sum(search.labels.voxels for search in missing)) as bar:
            looked = iter(list(pool.map(lambda search: search.look(bar), missing)))
    return [Foreground.of(next(looked) if rows is None else rows) for rows in found]


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for in one array."""

    labels: Labels
    within: VoxelBox
    block: int

    @property
    def _place(self) -> Place:
        parameters = [_FORM, self.block, self.within.lo, self.within.hi]
        return Place("foreground", ".npy", self.labels.stored.uri, self.labels.context, parameters)

    def recall(self) -> npt.NDArray[np.int64] | None:
        """What was found last time, or None."""
        content = self._place.read()
        if content is None:
            return None
        try:
            rows: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError):
            return None
        good = rows.dtype == np.int64 and rows.ndim == 2 and rows.shape[1] == 4
        return rows if good else None

    def look(self, bar: Bar) -> npt.NDArray[np.int64]:
        """Look at every voxel, and keep what was found."""
        place = self._place  # as it is before the first voxel is read
        reader = self.labels.open(self.labels.stored.uri)
        rows = np.array([row for part in self._parts(bar) for row in self._rows(reader, part)], np.int64)
        rows = rows.reshape(-1, 4)
        content = io.BytesIO()
        np.save(content, rows, allow_pickle=False)
        place.write(content.getvalue())
        return rows

    def _parts(self, bar: Bar) -> Iterator[VoxelBox]:
        """What is read at a time: whole blocks, about as many as counting reads."""
        edge = max(1, read_edge(self.labels.stored.dtype) // self.block) * self.block
        for part in Blocks(self.labels.stored.source.lattice.shape, (edge, edge, edge)):
            yield part
            bar.advance(np.prod(part.shape, dtype=np.int64).item())

    def _rows(self, reader: ArrayReader, part: VoxelBox) -> Iterator[_Row]:
        wanted, axes = part.common(self.within), self.labels.stored.axes
        if wanted.empty:
            return
        values = np.zeros(part.shape, reader.dtype)  # zero also where nothing matters
        inner = values[wanted.seen_from(part.lo).slices]
        reader.read_into(axes.index(wanted), axes.view(inner)).result()
        yield from _showing(values > 0, part.lo, self.block)


def _showing(shows: npt.NDArray[np.bool_], corner: Shape, block: int) -> Iterator[_Row]:
    """The rows of the blocks of a part that begins at ``corner``."""
    if not shows.any():
        return
    for box in Blocks(shows.shape, (block, block, block)):
        inside = shows[box.slices]
        count = int(np.count_nonzero(inside))
        if count:
            middle = np.unravel_index(np.flatnonzero(inside)[count // 2], inside.shape)
            z, y, x = (int(n) + a + b for n, a, b in zip(middle, box.lo, corner, strict=True))
            yield count, z, y, x
