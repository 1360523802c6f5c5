"""Boxes of chunks that are files, read by compiled loops, are what is stored."""

from __future__ import annotations

from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr

from cellmap_data.chunks import ChunkFiles, Codec, Packing, are_ready, forget, kept_chunks, meter

CODECS = {
    "stored": (Codec.NONE, None),
    "zstd": (Codec.ZSTD, numcodecs.Zstd(level=3)),
    "zstd with checksum": (Codec.ZSTD, numcodecs.Zstd(level=1, checksum=True)),
    "blosc lz4": (Codec.BLOSC, numcodecs.Blosc("lz4", clevel=5)),
    "blosc zstd bitshuffle": (Codec.BLOSC, numcodecs.Blosc("zstd", clevel=3, shuffle=2)),
}
PAIRS = [("u1", "u1"), ("u1", "f4"), ("i2", "i2"), ("u2", "f4"), ("f8", "f8")]


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Loops are compiled before the first read."""
    for stored, wanted in PAIRS:
        word = np.dtype(stored.replace("f8", "u8"))
        assert are_ready(word, word if stored == wanted else np.dtype(wanted), wait=True)


@pytest.fixture(params=[0, 3_000, 1 << 20], ids=["nothing kept", "little kept", "all kept"], autouse=True)
def kept(request):
    """Chunks are kept, or some, or none."""
    before, kept_chunks.limit = kept_chunks.limit, request.param
    meter.take()
    yield request.param
    kept_chunks.limit = before


def stored(
    path: Path, values: np.ndarray, chunks: tuple[int, ...], codec: str = "zstd", fill=0
) -> ChunkFiles:
    """Write an array by zarr, and open its files."""
    kind, compressor = CODECS[codec]
    array = zarr.create_array(
        str(path),
        shape=values.shape,
        chunks=chunks,
        dtype=values.dtype,
        fill_value=fill,
        compressors=compressor,
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    array[...] = values
    return ChunkFiles(str(path), "", "/", Packing(kind, fill), values.shape, chunks, values.dtype)


def values_of(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values of which some blocks hold one."""
    kinds = rng.integers(0, 4, [-(-n // 4) for n in shape])
    spread = np.kron(kinds, np.ones((4,) * len(shape), int))[tuple(map(slice, shape))]
    noise = rng.integers(0, 100, shape)
    return np.where(spread == 0, noise, spread % 3).astype(dtype)


def memory(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Part of some memory: axes in any order, in any direction, with steps."""
    order = rng.permutation(len(shape))
    steps = rng.choice([1, -1, 2], len(shape))
    whole = np.full([shape[axis] * abs(steps[axis]) + 1 for axis in order], 99, dtype)
    part = whole.transpose(np.argsort(order))[tuple(slice(None, None, int(step)) for step in steps)]
    return part[tuple(slice(0, n) for n in shape)]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("dtype", "wanted"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_any_box_is_what_is_stored(codec, dtype, wanted, tmp_path) -> None:
    """A box of any size arrives in memory of any layout as numpy would cut it out, read once or again."""
    rng = np.random.default_rng(len(codec))
    values = values_of(rng, (19, 22, 35), dtype)
    files = stored(tmp_path / "array", values, (8, 7, 16), codec, fill=2)
    for _ in range(40):
        box = tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in values.shape)
        out = memory(rng, values[box].shape, wanted)
        assert files.read(box, out)
        np.testing.assert_array_equal(out, values[box])


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((50,), (7,)),
        ((30, 41), (8, 16)),
        ((1, 20, 21, 22), (1, 8, 8, 8)),
        ((3, 2, 9, 20, 21), (2, 1, 4, 8, 16)),
    ],
    ids=["line", "plane", "one channel", "times and channels"],
)
def test_any_number_of_axes(shape, chunks, tmp_path) -> None:
    """Arrays of one to five axes are read."""
    rng = np.random.default_rng(0)
    values = values_of(rng, shape, "u1")
    files = stored(tmp_path / "array", values, chunks)
    for _ in range(30):
        box = tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in shape)
        out = memory(rng, values[box].shape, "u1")
        assert files.read(box, out)
        np.testing.assert_array_equal(out, values[box])


def test_the_first_voxels_of_a_large_chunk(tmp_path, kept) -> None:
    """Of a chunk of several zstd blocks no more is unpacked than is wanted, unless it is to be kept."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 60, (160, 80, 80)).astype(np.uint8)
    files = stored(tmp_path / "array", values, (80, 80, 80))
    for _ in range(20):
        box = tuple(slice(*sorted(rng.choice(n + 1, 2, replace=False).tolist())) for n in values.shape)
        out = np.empty(values[box].shape, np.uint8)
        assert files.read(box, out)
        np.testing.assert_array_equal(out, values[box])
    again = stored(tmp_path / "again", values, (80, 80, 80))
    meter.take()
    assert again.read((slice(0, 5), slice(0, 80), slice(0, 80)), np.empty((5, 80, 80), np.uint8))
    unpacked = meter.take()["unpacked"]
    assert unpacked == 80**3 if kept > 80**3 else 5 * 80 * 80 <= unpacked < 80**3


def test_what_is_kept_is_not_read_again(tmp_path, kept) -> None:
    """Chunks that are kept are counted as hits, and their files are not opened."""
    values = np.random.default_rng(0).integers(0, 99, (16, 16, 16)).astype(np.uint8)
    files, whole = stored(tmp_path / "array", values, (8, 8, 8)), (slice(0, 16),) * 3
    assert files.read(whole, np.empty_like(values))
    meter.take()
    out = np.empty_like(values)
    assert files.read(whole, out)
    counts, expected = meter.take(), {0: 0, 3_000: 5, 1 << 20: 8}[kept]
    assert counts["hits"] == expected
    assert (counts["read"] == 0) == (expected == 8)
    np.testing.assert_array_equal(out, values)


def test_what_this_process_writes_is_seen(tmp_path) -> None:
    """Neither kept chunks nor known values outlive a write that was told of."""
    old, new = np.full((8, 8, 8), 5, np.uint8), np.full((8, 8, 8), 6, np.uint8)
    files, box = stored(tmp_path / "array", old, (8, 8, 8)), (slice(0, 8),) * 3
    out = np.empty_like(old)
    assert files.read(box, out)
    zarr.open_array(str(tmp_path / "array"), mode="r+")[...] = new
    forget(str(tmp_path / "array"))
    assert files.read(box, out)
    assert (out == new).all()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", ["cut", "empty", "other", "long", "folder"])
def test_a_damaged_file_is_not_read(codec, damage, tmp_path) -> None:
    """A file that does not hold its chunk is left to who can say what is wrong; others are read."""
    values = np.random.default_rng(0).integers(0, 99, (16, 8, 8)).astype(np.uint8)
    files, file = stored(tmp_path / "array", values, (8, 8, 8), codec), tmp_path / "array" / "0" / "0" / "0"
    packed = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        broken = {"cut": packed[:-9], "empty": b"", "other": b"nothing" * 80, "long": packed * 2}[damage]
        file.write_bytes(broken)
    out = np.empty((8, 8, 8), np.uint8)
    read = files.read((slice(0, 8),) * 3, out)
    assert not read or (damage == "long" and "zstd" in codec)  # frames may follow each other
    assert files.read((slice(8, 16), slice(0, 8), slice(0, 8)), out)
    np.testing.assert_array_equal(out, values[8:])


@pytest.mark.parametrize("kind", ["outside", "other shape", "read-only", "half elements"])
def test_what_loops_must_not_write_to_is_refused(kind, tmp_path) -> None:
    """A box outside the array, and memory that does not suit it, are left to who checks them."""
    values = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
    files = stored(tmp_path / "array", values, (4, 4, 4))
    box, out = (slice(0, 4),) * 3, np.empty((4, 4, 4), np.int16)
    assert files.takes(box, out)
    if kind == "outside":
        box = (slice(0, 4), slice(6, 10), slice(0, 4))
    elif kind == "other shape":
        out = out[:3]
    elif kind == "read-only":
        out.flags.writeable = False
    else:
        out = np.empty((4, 4, 4), np.dtype([("a", "i2"), ("b", "i1")]))["a"]
    assert not files.takes(box, out)


def test_an_array_made_anew_is_not_read_from_what_was_kept(tmp_path) -> None:
    """Another reader of the folder, of an array of another size by then, gets what is stored now."""
    old = np.arange(16 * 16 * 4, dtype=np.uint8).reshape(16, 16, 4)
    before = stored(tmp_path / "array", old, (4, 4, 4))
    assert before.read((slice(0, 16), slice(0, 16), slice(0, 4)), np.empty_like(old))
    new = old[:, :12][::-1].copy()
    array = zarr.open_array(str(tmp_path / "array"), mode="r+")
    array.resize(new.shape)
    array[...] = new
    after = ChunkFiles(
        str(tmp_path / "array"), "", "/", Packing(Codec.ZSTD, 0), new.shape, (4, 4, 4), new.dtype
    )
    out = np.empty_like(new)
    assert after.read((slice(0, 16), slice(0, 12), slice(0, 4)), out)
    np.testing.assert_array_equal(out, new)
