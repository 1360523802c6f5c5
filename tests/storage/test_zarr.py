"""Reading stored arrays."""

from __future__ import annotations

import pickle
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from cellmap_data.errors import MetadataError, StoreError, StoreNotFoundError
from cellmap_data.storage import (
    ArrayLayout,
    ArrayReader,
    Pending,
    ZarrReader,
    ZarrWriter,
    open_array,
    read_array_info,
    read_attributes,
)
from tests.volumes import ramp, write_multiscale

STORES = [
    pytest.param({"ngff": "0.4"}, id="v2"),
    pytest.param({"ngff": "0.4", "order": "F"}, id="v2 F"),
    pytest.param({"ngff": "0.4", "separator": "."}, id="v2 flat keys"),
    pytest.param({"ngff": "0.5"}, id="v3"),
    pytest.param({"ngff": "0.5", "order": "F"}, id="v3 transposed"),
    pytest.param({"ngff": "0.5", "chunks": (8, 8, 8), "shards": (16, 16, 16)}, id="v3 sharded"),
]
BOX = slice(3, 17), slice(0, 20), slice(10, 11)


@pytest.mark.parametrize("store", STORES)
def test_every_store_gives_the_stored_values(store, tmp_path) -> None:
    """What is read is what was written, whatever the format and the order."""
    values = ramp((20, 20, 20), np.int32)
    reader = open_array(write_multiscale(tmp_path, values, **store) + "/s0")
    assert isinstance(reader, ArrayReader)
    assert (reader.shape, reader.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(reader.read(BOX), values[BOX])


@pytest.mark.parametrize("stored", ["bool", "uint8", ">u2", "int64", "float16", "float32"])
@pytest.mark.parametrize("wanted", ["float32", "float64", "uint8"])
def test_values_are_cast_into_strided_memory(stored, wanted, tmp_path) -> None:
    """A read fills any view, reversed and transposed, of any number type."""
    values = (ramp((16, 16, 16)) % 251).astype(stored)
    reader = open_array(write_multiscale(tmp_path, values) + "/s0")
    out = np.full((9, 7, 5), 99, wanted)
    pending = reader.read_into((slice(2, 9), slice(1, 6), slice(0, 9)), out[::-1, :, ::-1].transpose(1, 2, 0))
    assert isinstance(pending, Pending)
    pending.result()
    expected = values[2:9, 1:6, 0:9].astype(wanted).transpose(2, 0, 1)[::-1, :, ::-1]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_missing_chunks_hold_the_fill_value(ngff, tmp_path) -> None:
    """A chunk that was never written reads as the fill value."""
    reader = open_array(
        write_multiscale(tmp_path, np.full((16, 16, 16), 7, np.uint8), ngff=ngff, fill_value=7) + "/s0"
    )
    assert not [path for path in Path(tmp_path, "s0").rglob("*") if path.name.isdigit()]
    assert (reader.read((slice(0, 16),) * 3) == 7).all()


def test_a_reader_is_pickled_as_its_path(tmp_path) -> None:
    """A reader that was used travels to another process and reads there."""
    values = ramp((8, 8, 8))
    reader = open_array(write_multiscale(tmp_path, values) + "/s0")
    reader.read((slice(0, 8),) * 3)
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.read((slice(0, 8),) * 3), values)


def test_a_missing_array_is_named(tmp_path) -> None:
    """The error for a path without an array says the path, and is a FileNotFoundError."""
    with pytest.raises(StoreNotFoundError, match=str(tmp_path / "nothing")) as caught:
        open_array(str(tmp_path / "nothing"))
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("document", "match"),
    [
        pytest.param("{}", "shape: expected a list of whole numbers", id="empty"),
        pytest.param('{"shape": [4], "dtype": "<M8[s]"}', "dtype: expected a type of integers", id="dates"),
        pytest.param('{"shape": [4]', "must hold JSON", id="no JSON"),
        pytest.param("[]", "a JSON object", id="no object"),
    ],
)
def test_faulty_array_metadata_is_named(document, match, tmp_path) -> None:
    """Metadata that cannot be read is an error that says where and what."""
    (tmp_path / ".zarray").write_text(document)
    with pytest.raises(MetadataError, match=match) as caught:
        read_array_info(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_a_broken_chunk_is_an_error_of_its_read(tmp_path) -> None:
    """A chunk that does not decode fails the read that needs it, and only that."""
    reader = open_array(write_multiscale(tmp_path, ramp((32, 16, 16))) + "/s0")
    (tmp_path / "s0" / "0" / "0" / "0").write_bytes(b"garbage")
    pending = reader.read_into((slice(0, 16),) * 3, np.empty((16, 16, 16), np.float32))
    with pytest.raises(StoreError, match=str(tmp_path)):
        pending.result()
    assert reader.read((slice(16, 32), slice(0, 1), slice(0, 1)))[0, 0, 0] == 160_000


def test_a_local_path_may_be_a_url(tmp_path) -> None:
    """``file://`` stands for a path on this machine."""
    values = ramp((8, 8, 8))
    reader = open_array(f"file://{write_multiscale(tmp_path, values)}/s0")
    np.testing.assert_array_equal(reader.read((slice(0, 8),) * 3), values)


def test_a_plugin_may_bring_its_reader(tmp_path) -> None:
    """What answers open_array reads; what declines leaves the path to tensorstore."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8))) + "/s0"
    asked = []

    class Hooks:
        def open_array(self, uri, context):
            asked.append((uri, context))
            return mine if uri == "mine" else None

    mine = ZarrReader(path)
    assert open_array("mine", hooks=Hooks(), context=3) is mine
    assert open_array(path, hooks=Hooks()) is not mine
    assert asked == [("mine", 3), (path, None)]


def test_metadata_leaves_a_process_free_to_fork(tmp_path) -> None:
    """Only a read starts the reader's threads: a process that knows metadata has no live reader."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8))) + "/s0"
    script = (
        "import sys, threading\n"
        "from cellmap_data.storage import live_reader, open_array\n"
        "reader = open_array(sys.argv[1])\n"
        "assert reader.shape == (8, 8, 8) and not live_reader() and threading.active_count() == 1\n"
        "reader.read((slice(0, 8),) * 3)\n"
        "assert live_reader()\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)


def test_a_reader_that_nobody_holds_is_gone(tmp_path) -> None:
    """An array that was read is let go of at once, and not when garbage is collected."""
    reader = open_array(write_multiscale(tmp_path, ramp((20, 20, 20))) + "/s0")
    reader.read(BOX)
    gone = weakref.ref(reader)
    del reader
    assert gone() is None


def test_a_path_that_is_not_there_is_told_with_what_is(tmp_path) -> None:
    """The error shows the last folder of the path that there is, and what it holds."""
    write_multiscale(tmp_path / "crop" / "nuc", ramp((4, 4, 4)))
    for number in range(20):
        (tmp_path / "many" / f"n{number:02}").mkdir(parents=True)
    for path, told in (
        ("crop/nuk", "crop holds nuc"),
        ("crop/mito/s0", "crop holds nuc"),
        ("many", "many holds n00, n01, .*n11, \\.\\.\\."),
        ("many/n03", "n03 holds nothing"),
    ):
        for read in (read_attributes, read_array_info):
            with pytest.raises(StoreNotFoundError, match=f"next: .*{told}$"):
                read(str(tmp_path / path))


@pytest.mark.parametrize("block", [4, 8], ids=["chunks", "shards"])
@pytest.mark.parametrize("wanted", ["u1", "f8"], ids=["as stored", "cast"])
def test_what_this_process_writes_is_read(block, wanted, tmp_path) -> None:
    """A reader that is open, and a new one, see what a writer of this process has written since."""
    path, box = str(tmp_path / "array"), (slice(0, 8),) * 3
    layout = ArrayLayout((8,) * 3, np.dtype("u1"), (block,) * 3, (4,) * 3, 0, ("z", "y", "x"), 3)
    writer, reader = ZarrWriter(path, layout, create=True), ZarrReader(path)
    for value in (1, 2):
        writer.write(box, np.full((8, 8, 8), value, np.uint8))
        for each in (reader, ZarrReader(path)):
            out = np.empty((8, 8, 8), wanted)
            each.read_into(box, out).result()
            assert (out == value).all()
