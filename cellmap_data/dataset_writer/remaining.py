"""What is left of a range of numbers, as a list that stores only where it is interrupted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, overload


@dataclass(frozen=True, slots=True)
class Remaining(Sequence[int]):
    """Whole numbers in rising order, in runs without a gap.

    Attributes
    ----------
    firsts : tuple of int
        Where each run begins.
    ends : tuple of int
        How many numbers there are up to the end of each run.
    """

    firsts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """The numbers of something that gives them in rising order, once."""
        firsts: list[int] = []
        ends: list[int] = []
        count, following = 0, -1
        for number in numbers:
            if number != following:
                firsts.append(number)
                ends.append(count)
            count, following = count + 1, number + 1
            ends[-1] = count
        return cls(tuple(firsts), tuple(ends))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @overload
    def __getitem__(self, i: int) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> list[int]: ...
    def __getitem__(self, i: int | slice) -> int | list[int]:
        """The ``i``-th number; a slice gives a list; IndexError where there is none."""
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        k = range(len(self))[i]
        run = bisect_right(self.ends, k)
        return self.firsts[run] + k - (self.ends[run - 1] if run else 0)
