"""Positions in random order, but several at a time from one part of a volume, so that it is decoded once.

The positions of a dataset are cut into windows. An epoch is a sequence of visits in random order: each takes
a few positions of one window that no other visit takes, and several visits take turns, so that neighbours in
the order come from different windows. All of it is arithmetic: nothing is stored for each position or window,
and every place of an epoch can be asked for.

Where a window has positions left over that do not fill a visit, these are pooled, and visits are made of the
pool: positions of windows that are neighbours. What is left then, less than a visit, ends the epoch.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from cellmap_data.config import as_count
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.chance import GAMMA, Indices, Words, keys_of, mixed
from cellmap_data.sampler.orders import ROUNDS, ShuffledOrder, feistel, half_bits


@dataclass(frozen=True, slots=True)
class Cut:
    """How one axis of a grid of positions is cut: into pieces of ``length``, the first one of ``first``."""

    count: int
    length: int
    first: int

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Pieces of one length: where they begin, how long each is, how many there are."""
        first = min(self.first, self.count)
        middle, last = divmod(self.count - first, self.length)
        runs = [(0, first, 1), (first, self.length, middle), (self.count - last, last, 1)]
        return (run for run in runs if run[1] and run[2])


Cuts: TypeAlias = tuple[Cut, Cut, Cut]
"""How a grid is cut along z, y and x."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of the grids of positions of several crops, whose indices follow one another.

    There is a row for each kind of windows: those of one crop that have the same size.

    Attributes
    ----------
    base : ndarray
        The first index of the first window of a row.
    stride, length, repeats : ndarray
        Along each axis: indices from a position to the next, positions of a window, windows.
    """

    base: Indices
    stride: Indices
    length: Indices
    repeats: Indices

    @classmethod
    def of(cls, crops: Iterable[Cuts]) -> Windows:
        """From how each crop's grid is cut."""
        rows: list[tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = []
        offset = 0
        for z, y, x in crops:
            stride = (y.count * x.count, x.count, 1)
            for runs in itertools.product(z.runs(), y.runs(), x.runs()):
                starts, lengths, repeats = zip(*runs, strict=True)
                first = offset + sum(a * b for a, b in zip(starts, stride, strict=True))
                rows.append((first, stride, lengths, repeats))
            offset += z.count * y.count * x.count
        columns = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(*(np.array(list(column), np.int64) for column in columns))

    @cached_property
    def sizes(self) -> Indices:
        """Positions of a window of each row."""
        return _product(self.length)

    @cached_property
    def counts(self) -> Indices:
        """Windows of each row."""
        return _product(self.repeats)

    @property
    def size(self) -> int:
        """The number of positions."""
        return sum(map(operator.mul, self.sizes.tolist(), self.counts.tolist()))

    def indices(self, rows: Indices, windows: Indices, numbers: Indices) -> Indices:
        """The indices of positions, by their number in C order in a window of a row."""
        length = self.length[rows]
        where = _unravelled(windows, self.repeats[rows]) * length + _unravelled(numbers, length)
        indices: Indices = self.base[rows] + (where * self.stride[rows]).sum(axis=1)
        return indices


@dataclass(frozen=True, eq=False)
class WindowedOrder:
    """Every index once, ``patches`` at a time from each window, ``at_once`` windows in turn; then again.

    Parameters
    ----------
    windows
        What the positions are cut into.
    patches
        How many positions of a window come before the order moves on.
    at_once
        How many windows take turns.
    seed
        With the epoch, what the order depends on.

    Raises
    ------
    ConfigurationError
        When there is no position, or a number counts nothing.
    """

    windows: Windows
    patches: int
    at_once: int
    seed: int
    size: int = field(init=False)
    _halves: Words = field(init=False)
    _visits: int = field(init=False)
    _full: _Shares = field(init=False)
    _pool: _Shares = field(init=False)

    def __post_init__(self) -> None:
        size = self.windows.size
        if not 1 <= size <= 1 << 62 or not as_count(self.patches, 1) or not as_count(self.at_once, 1):
            raise ConfigurationError(
                message(
                    "an order by windows needs positions and takes some of them at a time",
                    expected="1 to 2**62 positions; patches and at_once are whole numbers from 1 on",
                    got=f"{size} positions, patches={self.patches!r}, at_once={self.at_once!r}",
                )
            )
        sizes, counts = self.windows.sizes, self.windows.counts
        full = _Shares.of(sizes // self.patches, counts)
        pool = _Shares.of(sizes % self.patches, counts)
        halves = np.array([half_bits(size) for size in sizes.tolist()], np.uint64)
        visits = full.total + pool.total // self.patches
        found = {"size": size, "_full": full, "_pool": pool, "_halves": halves, "_visits": visits}
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``: a permutation of all positions for each ``size`` places."""
        passes, places = np.divmod(places, self.size)
        result = np.empty_like(places)
        for one in np.unique(passes):
            chosen = passes == one
            result[chosen] = self._of_pass(epoch, int(one), places[chosen])
        return result

    def _of_pass(self, epoch: int, one: int, places: Indices) -> Indices:
        visits, slots = self._visited(epoch, one, places)
        pooled = visits >= self._full.total
        rows, windows, numbers = (np.empty_like(places) for _ in range(3))
        found = self._full.find(visits[~pooled])
        rows[~pooled], windows[~pooled] = found[:2]
        numbers[~pooled] = found[2] * self.patches + slots[~pooled]
        places_in_pool = (visits[pooled] - self._full.total) * self.patches + slots[pooled]
        keys = keys_of(ROUNDS + 1, self.seed, epoch, one, 1)  # the visits have those without the 1
        begin = int(keys[-1]) % max(1, self._pool.total)  # or some would end every epoch
        found = self._pool.find((places_in_pool + begin) % max(1, self._pool.total))
        rows[pooled], windows[pooled] = found[:2]
        sizes = self.windows.sizes[rows]
        numbers[pooled] = sizes[pooled] // self.patches * self.patches + found[2]
        every = (self._full.firsts[rows] + windows).astype(np.uint64)
        numbers = _permuted(numbers, sizes, self._halves[rows], mixed(keys[:-1, None] + every * GAMMA))
        return self.windows.indices(rows, windows, numbers)

    def _visited(self, epoch: int, one: int, places: Indices) -> tuple[Indices, Indices]:
        """The visit of each place, and the place in the visit; what fills no visit ends the epoch."""
        block, within = np.divmod(places, self.at_once * self.patches)
        width = np.clip(self._visits - block * self.at_once, 1, self.at_once)
        visits, slots = block * self.at_once + within % width, within // width
        ends = places >= self._visits * self.patches
        visits[ends] = self._visits
        slots[ends] = places[ends] - self._visits * self.patches
        if self._visits:
            shuffled = ShuffledOrder(self._visits, self.seed)
            visits[~ends] = shuffled.indices(epoch, one * self._visits + visits[~ends])
        return visits, slots


@dataclass(frozen=True, eq=False, slots=True)
class _Shares:
    """So many things of each window, numbered row by row and window by window.

    Attributes
    ----------
    each : ndarray
        Things of a window of each row.
    starts : ndarray
        The number of the first thing of each row, and the total.
    firsts : ndarray
        The number of the first window of each row.
    """

    each: Indices
    starts: Indices
    firsts: Indices

    @classmethod
    def of(cls, each: Indices, counts: Indices) -> _Shares:
        """From the windows of each row."""
        return cls(each, _sums(each * counts), _sums(counts))

    @property
    def total(self) -> int:
        """How many there are."""
        return int(self.starts[-1])

    def find(self, numbers: Indices) -> tuple[Indices, Indices, Indices]:
        """Row, window of the row, and number among those of the window."""
        rows = np.searchsorted(self.starts, numbers, side="right") - 1
        windows, rest = np.divmod(numbers - self.starts[rows], self.each[rows])
        return rows, windows, rest


def _product(axes: Indices) -> Indices:
    product: Indices = axes.reshape(-1, 3).prod(axis=1)
    return product


def _sums(values: Indices) -> Indices:
    sums: Indices = np.concatenate([[0], np.cumsum(values)])
    return sums


def _unravelled(numbers: Indices, shapes: Indices) -> Indices:
    """Places along z, y, x from numbers in C order, each in a grid of its own: [n, 3]."""
    rest, x = np.divmod(numbers, shapes[:, 2])
    z, y = np.divmod(rest, shapes[:, 1])
    return np.stack([z, y, x], axis=1)


def _permuted(numbers: Indices, sizes: Indices, halves: Words, keys: Words) -> Indices:
    """Each number where a permutation of its own ``range(size)`` takes it, as in :class:`ShuffledOrder`."""
    values = feistel(numbers.astype(np.uint64), halves, keys)
    outside = np.flatnonzero(values >= sizes.astype(np.uint64))
    while outside.size:
        values[outside] = feistel(values[outside], halves[outside], keys[:, outside])
        outside = outside[values[outside] >= sizes[outside].astype(np.uint64)]
    return values.astype(np.int64)
