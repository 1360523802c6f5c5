"""Chunks of one value are filled in, and nothing else changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr

from cellmap_data.chunks import files
from cellmap_data.chunks.ready import are_ready
from cellmap_data.storage import ZarrReader, set_cache_budget

LAYOUTS = [
    pytest.param({"zarr_format": 2}, id="v2 flat keys"),
    pytest.param({"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}}, id="v2 nested"),
    pytest.param({"zarr_format": 2, "order": "F"}, id="v2 F"),
    pytest.param({"zarr_format": 3}, id="v3"),
    pytest.param(
        {"zarr_format": 3, "chunk_key_encoding": {"name": "v2", "separator": "."}}, id="v3 old keys"
    ),
    pytest.param({"zarr_format": 3, "shards": (16, 16, 16)}, id="v3 sharded"),
]


@pytest.fixture(autouse=True)
def _suspect_every_file(monkeypatch) -> None:
    monkeypatch.setattr(files, "_SMALL", 1)


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Loops are compiled before the first read, so that they are what reads."""
    for stored, wanted in (("u2", "u2"), ("u2", "f4"), ("u1", "u1")):
        assert are_ready(np.dtype(stored), np.dtype(wanted), wait=True)


@pytest.fixture(autouse=True)
def _no_cache():
    """Chunks come from their files, or from what is known of them."""
    set_cache_budget(0)
    yield
    set_cache_budget(None)


def blocks(rng: np.random.Generator, shape=(29, 24, 21), size=8) -> np.ndarray:
    """Values of which most chunks hold one: fill value, another, or noise."""
    kinds = rng.choice([0, 0, 0, 3, 7, 99], [-(-n // size) for n in shape])
    values = np.kron(kinds, np.ones((size,) * 3, int))[tuple(map(slice, shape))]
    return np.where(values == 99, rng.integers(0, 9, shape), values).astype(np.uint16)


def write(path, values, **layout) -> str:
    """Write an array with a fill value that some chunks have all over, and are not stored for that."""
    array = zarr.create_array(
        str(path), shape=values.shape, chunks=(8, 8, 8), dtype=values.dtype, fill_value=3, **layout
    )
    array[...] = values
    return str(path)


def random_box(rng: np.random.Generator, shape) -> tuple[slice, ...]:
    """A box somewhere in an array, now and then without voxels."""
    return tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_what_is_filled_in_is_what_is_stored(layout, dtype, tmp_path) -> None:
    """Any box reads as it is stored, whatever was seen before, into memory of any strides and dtype."""
    rng = np.random.default_rng(0)
    values = blocks(rng)
    reader = ZarrReader(write(tmp_path, values, **layout))
    for _ in range(60):
        box = random_box(rng, values.shape)
        out = np.full(values[box].shape[::-1], 99, dtype).T[::-1]
        reader.read_into(box, out).result()
        np.testing.assert_array_equal(out, values[box])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_value_of_a_box_is_known_or_not_told(layout, tmp_path) -> None:
    """A box is said to hold one value where it does and only there, once it was read, if we unpack it."""
    rng = np.random.default_rng(1)
    values = blocks(rng, (32, 24, 24))
    reader = ZarrReader(write(tmp_path, values, **layout))
    reader.read(tuple(slice(0, n) for n in values.shape))
    ours = "shards" not in layout and layout.get("order") != "F"
    for corner in np.ndindex(*(n // 8 for n in values.shape)):
        box = tuple(slice(c * 8, (c + 1) * 8) for c in corner)
        same = np.ptp(values[box]) == 0
        assert reader.uniform(box) == (values[box].flat[0] if same and ours else None)
    assert reader.uniform((slice(0, 0), slice(0, 8), slice(0, 8))) is None


def test_a_known_chunk_is_not_opened_again(tmp_path) -> None:
    """Once a chunk is known to hold one value its file is of no interest; a new reader looks anew."""
    values = np.full((16, 16, 16), 5, np.uint8)
    path = write(tmp_path, values)
    box = (slice(2, 15),) * 3
    reader = ZarrReader(path)
    reader.read(box)
    assert reader.uniform((slice(0, 16),) * 3) == 5
    for file in Path(path).glob("c/*/*/*"):
        file.unlink()
    assert (reader.read(box) == 5).all()
    assert (ZarrReader(path).read(box) == 3).all()


def test_more_values_than_are_told_apart_are_read(tmp_path) -> None:
    """Chunks of one value each, hundreds of different ones, read as they are stored."""
    values = np.kron(np.arange(343).reshape(7, 7, 7), np.ones((8, 8, 8), int)).astype(np.uint16)
    reader = ZarrReader(write(tmp_path, values))
    for _ in range(3):
        np.testing.assert_array_equal(reader.read((slice(0, 56),) * 3), values)


def test_what_is_missing_has_the_fill_value_whatever_the_cache_holds(tmp_path) -> None:
    """A chunk that was removed after it was read says nothing of the other chunks that are missing."""
    set_cache_budget(1 << 24)
    values = np.full((16, 8, 8), 3, np.uint16)
    values[:8] = 5
    path = write(tmp_path, values, zarr_format=2)
    removed, missing = ((slice(lo, lo + 8), slice(0, 8), slice(0, 8)) for lo in (0, 8))
    assert (ZarrReader(path).read(removed) == 5).all()
    (tmp_path / "0.0.0").unlink()
    reader = ZarrReader(path)
    reader.read(removed)
    assert (reader.read(missing) == 3).all()


def test_a_broken_small_chunk_is_an_error_of_every_read(tmp_path) -> None:
    """A file that does not decode is no chunk of one value."""
    path = write(tmp_path, np.full((16, 8, 8), 5, np.uint8))
    (tmp_path / "c" / "0" / "0" / "0").write_bytes(b"!")
    reader = ZarrReader(path)
    for _ in range(3):
        with pytest.raises(OSError, match="damaged"):
            reader.read((slice(0, 8),) * 3)
        assert (reader.read((slice(8, 16), slice(0, 8), slice(0, 8))) == 5).all()


def test_threads_see_the_same(tmp_path) -> None:
    """Threads that look at the same new chunks at the same time read what is stored."""
    rng = np.random.default_rng(3)
    values = blocks(rng, (64, 64, 64))
    path = write(tmp_path, values)
    boxes = [random_box(rng, values.shape) for _ in range(100)]
    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            for box, found in zip(boxes, pool.map(ZarrReader(path).read, boxes), strict=True):
                np.testing.assert_array_equal(found, values[box])
