"""Indices as a list takes them, and lazy lists of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Self, SupportsIndex, overload

import torch

from cellmap_data.config import whole_number
from cellmap_data.errors import ConfigurationError, message


def position(index: SupportsIndex, size: int) -> int:
    """The position an index stands for; a negative one counts from the end, as for a list.

    Raises
    ------
    IndexError
        If there is no such position.
    TypeError
        If it is no whole number.
    """
    i = whole_number(index)
    if not -size <= i < size:
        raise IndexError(message("There is no such position.", expected=f"-{size} <= index < {size}", got=i))
    return i + size if i < 0 else i


_LOOKED_AT = 1024


def sizes_within(indices: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """How many of some indices fall into each of several ranges that follow one another.

    Parameters
    ----------
    indices : sequence, array or tensor of int
        In ascending order. Of lazy sequences only those are computed that it takes to find the borders.
    sizes : sequence of int
        The lengths of the ranges.

    Raises
    ------
    ConfigurationError
        If the indices do not ascend.
    TypeError
        If they are no whole numbers.
    """
    count = len(indices)
    step = 1 if isinstance(indices, list | tuple) else max(1, count // _LOOKED_AT)
    if isinstance(indices, torch.Tensor):
        indices = indices.cpu().numpy()  # bisecting takes no tensor for a sequence
    seen = [whole_number(indices[i]) for i in range(0, count, step)]
    if seen != sorted(seen) or (seen and seen[0] < 0):
        raise ConfigurationError(
            message(
                "which crop a position lies in is found only where positions ascend",
                got="indices in another order, or from the end",
                hint="sort the indices; the sampler chooses the order anyway",
            )
        )
    borders = [bisect_left(indices, end) for end in accumulate(sizes, initial=0)]
    return [after - before for before, after in pairwise(borders)]


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

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Numbers that come in rising order; stored is only where they are interrupted."""
        runs: list[range] = []
        for number in numbers:
            if runs and runs[-1].stop == number:
                runs[-1] = range(runs[-1].start, number + 1)
            else:
                runs.append(range(number, number + 1))
        return cls(tuple(runs), (0,) * len(runs))

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
