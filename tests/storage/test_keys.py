"""Names of the files of chunks, against those that zarr writes."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zarr

from cellmap_data.chunks import are_ready
from cellmap_data.chunks.layout import word_of
from cellmap_data.storage import ZarrReader, read_array_info
from cellmap_data.storage.keys import ChunkKeys
from tests.volumes import ramp, write_multiscale

V3 = [("default", "/"), ("default", "."), ("v2", "."), ("v2", "/")]


def name_of(keys: ChunkKeys, chunk: tuple[int, ...]) -> str:
    """The name of the chunk that lies there, counted in chunks along the stored axes."""
    return keys.prefix + keys.separator.join(map(str, chunk))


@pytest.mark.parametrize(
    ("zarr_format", "sharded", "name", "separator"),
    [(2, False, "v2", "/"), (2, False, "v2", "."), *((3, s, *key) for s in (False, True) for key in V3)],
)
def test_files_have_the_names_that_are_told(zarr_format, sharded, name, separator, tmp_path) -> None:
    """Each chunk, or shard, that is stored lies in the file of that name, and there are no other files."""
    array = zarr.create_array(
        str(tmp_path),
        shape=(9, 5, 12),
        chunks=(4, 2, 2) if sharded else (4, 4, 8),
        shards=(4, 4, 8) if sharded else None,
        dtype=np.uint8,
        zarr_format=zarr_format,
        chunk_key_encoding={"name": name, "separator": separator},
    )
    array[:] = 1
    keys = read_array_info(str(tmp_path)).keys
    expected = {name_of(keys, chunk) for chunk in np.ndindex(3, 2, 2)}
    files = {file.relative_to(tmp_path).as_posix() for file in Path(tmp_path).rglob("*") if file.is_file()}
    assert files - {"zarr.json", ".zarray", ".zattrs"} == expected


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"chunk_key_encoding": {"name": "default"}}, "c/1/2"),
        ({"chunk_key_encoding": {"name": "v2"}}, "1.2"),
        ({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}}}, "1/2"),
        ({"chunk_key_encoding": {"name": "other"}}, None),
        ({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "-"}}}, None),
        ({"chunk_key_encoding": "default"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_what_v3_leaves_out_is_as_usual(document, name) -> None:
    """Separators have defaults; what is not understood is unknown, and no guess."""
    keys = ChunkKeys.of(document, 3)
    assert (None if keys is None else name_of(keys, (1, 2))) == name


def test_v2_without_a_separator_has_dots() -> None:
    """As the format says."""
    assert name_of(ChunkKeys.of({}, 2), (0, 12, 3)) == "0.12.3"


def test_opening_again_and_again_holds_nothing(tmp_path) -> None:
    """An array that was read and let go of leaves no memory behind (300 times)."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8))) + "/s0"

    def read() -> None:
        ZarrReader(path).read((slice(0, 8),) * 3)

    word = word_of(ZarrReader(path).dtype)
    assert are_ready(word, word, wait=True)  # what compiled loops take is taken once
    for _ in range(20):
        read()
    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(300):
        read()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 300 * 500  # a description of the array alone is five times as large
