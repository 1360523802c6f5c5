"""A store that does not take what is written."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.errors import StoreError
from cellmap_data.image_writer import Ledger
from tests.image_writer.outputs import FORMATS, files_no_longer_than, make


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_a_full_disk_is_told_with_the_block(options, tmp_path) -> None:
    """The error names block, array and reason; what was written before is there, and writing can go on."""
    writer = make(tmp_path, fill_value=-1, **options)
    ledger = Ledger.open(f"{writer.records}/ledger", writer.layout.job)
    noise = np.random.default_rng(0).random((8, 8, 8), np.float32)
    writer.write(writer.blocks[0], np.ones((8, 8, 8)))
    ledger.add(0)
    with files_no_longer_than(1000), pytest.raises(StoreError) as caught:
        writer.write(writer.blocks[1], noise)
    text = str(caught.value)
    for words in ("block 1 [0:8, 0:8, 8:16]", writer.array_path, "File too large", "make room"):
        assert words in text
    again = make(tmp_path, resume=True, fill_value=-1, **options)
    assert (again.read(writer.blocks[0]) == 1).all()
    assert (again.read(writer.blocks[1]) == -1).all()
    done = Ledger.open(f"{writer.records}/ledger", writer.layout.job, resume=True)
    assert (0 in done, 1 in done) == (True, False)
    writer.write(writer.blocks[1], noise)
    assert np.array_equal(writer.read(writer.blocks[1]), noise)


def test_patches_off_the_blocks_are_named_by_their_voxels(tmp_path) -> None:
    """What is no block has no number."""
    writer = make(tmp_path)
    noise = np.random.default_rng(0).random((8, 8, 8), np.float32)
    with files_no_longer_than(100), pytest.raises(StoreError, match=r"voxels \[3:11, 3:11, 3:11\]"):
        writer[dict.fromkeys("zyx", 52)] = noise


def test_a_file_in_the_way_is_told(tmp_path) -> None:
    """A path that leads through a file is an error with that path, from arrays and ledgers."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        make(tmp_path / "file" / "mito")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        Ledger.open(str(tmp_path / "file" / "ledger"), {})


def test_an_array_that_is_gone_is_told(tmp_path) -> None:
    """A folder that turned into a file while the output was written is an error with the block."""
    writer = make(tmp_path, ngff="0.5")
    (tmp_path / "s0" / "c").write_text("")
    with pytest.raises(StoreError, match=r"block 0(?s:.)*s0"):
        writer.write(writer.blocks[0], np.ones((8, 8, 8)))


def test_a_server_that_only_reads_is_told(tmp_path) -> None:
    """Nothing can be written to a web server."""
    with pytest.raises(StoreError):
        make("http://127.0.0.1:9/out.zarr", context={"http": {"max_attempts": 1}})
