"""A set of whole numbers that costs a bit for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_PAGE = 1 << 16  # numbers for which memory is taken at once


class Numbers:
    """Numbers from 0 on, as bits in pages; of a page that is full nothing is kept but that it is."""

    __slots__ = ("_count", "_held", "_pages")

    def __init__(self) -> None:
        self._pages: dict[int, bytearray | None] = {}
        self._held: dict[int, int] = {}  # how many numbers of a page there are
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        page, place = divmod(number, _PAGE)
        if page not in self._pages:
            return False
        bits = self._pages[page]
        return bits is None or bool(bits[place >> 3] >> (place & 7) & 1)

    def add(self, first: int, last: int) -> None:
        """Put in the numbers from ``first`` to ``last``, both included."""
        for page in range(first // _PAGE, last // _PAGE + 1):
            start = page * _PAGE
            self._add(page, max(first - start, 0), min(last - start, _PAGE - 1))

    def missing(self, count: int) -> Iterator[int]:
        """Those of the first ``count`` numbers that are not in the set when their turn comes."""
        for start in range(0, count, _PAGE):
            page = start // _PAGE
            if page in self._pages and self._pages[page] is None:
                continue
            yield from (number for number in range(start, min(start + _PAGE, count)) if number not in self)

    def _add(self, page: int, first: int, last: int) -> None:
        if page not in self._pages:
            self._pages[page] = bytearray(_PAGE >> 3)
        bits = self._pages[page]
        if bits is None:
            return
        mask = ((1 << (last - first + 1)) - 1) << (first & 7)
        low, high = first >> 3, (last >> 3) + 1
        before = int.from_bytes(bits[low:high], "little")
        new = (mask & ~before).bit_count()
        bits[low:high] = (before | mask).to_bytes(high - low, "little")
        self._count += new
        self._held[page] = self._held.get(page, 0) + new
        if self._held[page] == _PAGE:
            self._pages[page] = None


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Numbers in rising order as runs (first, last) without a gap."""
    first = last = None
    for number in sorted(numbers):
        if first is None or last is None:
            first = last = number
        elif number > last + 1:
            yield first, last
            first = last = number
        else:
            last = number
    if first is not None and last is not None:
        yield first, last
