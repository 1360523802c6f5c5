"""Unpacked chunks that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.chunks import meter
from cellmap_data.chunks.kept import KeptChunks


@pytest.fixture
def kept() -> KeptChunks:
    """Room for three chunks of ten bytes."""
    chunks = KeptChunks()
    chunks.limit = 30
    for number in range(3):
        chunks.keep("a", [(number, block(number))])
    return chunks


def block(number: int) -> np.ndarray:
    """A chunk of ten bytes."""
    return np.full(10, number, np.uint8)


def there(chunks: KeptChunks, path: str = "a") -> list[bool]:
    """Which of the first five chunks of an array are kept; asking makes them the last wanted."""
    return [found is not None for found in chunks.find(path, range(5))]


def test_the_one_not_wanted_longest_goes_first(kept) -> None:
    """A chunk that was asked for stays, the one that was not goes, and is counted."""
    kept.find("a", [0])
    meter.take()
    kept.keep("a", [(3, block(3))])
    assert there(kept) == [True, False, True, True, False]
    assert meter.take()["evicted"] == 1


def test_what_comes_twice_counts_once(kept) -> None:
    """Two threads that unpacked the same chunk do not take the room of two."""
    kept.keep("a", [(2, block(2)), (2, block(2))])
    assert there(kept)[:3] == [True] * 3


def test_less_room_lets_chunks_go(kept) -> None:
    """A smaller limit holds at once."""
    kept.limit = 10
    assert there(kept) == [False, False, True, False, False]
    kept.limit = 0
    assert not any(there(kept))


def test_chunks_go_with_the_last_reader(kept) -> None:
    """Readers of one array share its chunks, and those of others stay."""
    kept.enter("a")
    kept.enter("a")
    kept.keep("b", [(4, block(4))])
    kept.leave("a")
    assert sum(there(kept)) == 2
    kept.leave("a")
    assert not any(there(kept))
    assert there(kept, "b")[4]
    kept.clear()
    assert not any(there(kept, "b"))
