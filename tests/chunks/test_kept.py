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
        put(chunks, number)
    return chunks


def put(chunks: KeptChunks, *numbers: int, path: str = "a", kind=()) -> None:
    """Keep chunks as who reads them does: they are looked for before."""
    age = chunks.find(path, kind, numbers)[1]
    chunks.keep(path, kind, age, [(number, block(number)) for number in numbers])


def block(number: int) -> np.ndarray:
    """A chunk of ten bytes."""
    return np.full(10, number, np.uint8)


def there(chunks: KeptChunks, path: str = "a") -> list[bool]:
    """Which of the first five chunks of an array are kept; asking makes them the last wanted."""
    return [found is not None for found in chunks.find(path, (), range(5))[0]]


def test_the_one_not_wanted_longest_goes_first(kept) -> None:
    """A chunk that was asked for stays, the one that was not goes, and is counted."""
    kept.find("a", (), [0])
    meter.take()
    put(kept, 3)
    assert there(kept) == [True, False, True, True, False]
    assert meter.take()["evicted"] == 1


def test_what_comes_twice_counts_once(kept) -> None:
    """Two threads that unpacked the same chunk do not take the room of two."""
    put(kept, 2, 2)
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
    put(kept, 4, path="b")
    kept.leave("a")
    assert sum(there(kept)) == 2
    kept.leave("a")
    assert not any(there(kept))
    assert there(kept, "b")[4]
    kept.clear()
    assert not any(there(kept, "b"))


def test_what_was_dropped_meanwhile_is_not_kept(kept) -> None:
    """A chunk that was read before a write, and comes after it, is not kept."""
    for forget in (lambda: kept.drop("a"), kept.clear):
        age = kept.find("a", (), [0])[1]
        forget()
        kept.keep("a", (), age, [(0, block(0))])
        assert not any(there(kept))


def test_an_array_in_the_place_of_another_has_chunks_of_its_own(kept) -> None:
    """Numbers of chunks mean something else in an array of another size at the same path."""
    assert kept.find("a", ("another grid",), [0, 1])[0] == [None, None]
