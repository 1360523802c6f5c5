"""Indices as a list takes them, and lazy lists of them."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import SupportsIndex, overload

from cellmap_data.errors import message


def position(index: SupportsIndex, size: int) -> int:
    """The position an index stands for; a negative one counts from the end, as for a list.

    Raises
    ------
    IndexError
        If there is no such position.
    """
    i = operator.index(index)
    if not -size <= i < size:
        raise IndexError(
            message("There is no such position.", expected=f"-{size} <= index < {size}", got=int(i))
        )
    return int(i) + size if i < 0 else int(i)


@dataclass(frozen=True, slots=True)
class JoinedIndices(Sequence[int]):
    """Indices of several datasets as indices of the one that joins them; nothing is stored per index.

    Attributes
    ----------
    parts : tuple of sequence of int
        The indices of each dataset.
    shifts : tuple of int
        What to add to those of each.
    """

    parts: tuple[Sequence[int], ...]
    shifts: tuple[int, ...]
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", tuple(accumulate(map(len, self.parts))))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, i: int) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> list[int]: ...
    def __getitem__(self, i: int | slice) -> int | list[int]:
        """The ``i``-th index; a slice gives a list; IndexError where there is none."""
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        k = range(len(self))[i]
        part = bisect_right(self._ends, k)
        return self.parts[part][k - (self._ends[part - 1] if part else 0)] + self.shifts[part]
