"""Counting labels: from what the volume says, from last time, or voxel by voxel; never into the data."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from cellmap_data import CellMapImage
from cellmap_data.errors import StoreError
from cellmap_data.image import Tally, count_labels
from cellmap_data.image.counting.memory import Remembered, cache_folder
from cellmap_data.progress import Bar
from cellmap_data.storage import fingerprint
from tests.volumes import write_multiscale

CUBE = (8, 8, 8), (4, 4, 4)


class Untouched:
    """A plugin that answers no path and counts how often it was asked to open one."""

    def __init__(self) -> None:
        self.asked = 0

    def open_array(self, uri, context):
        self.asked += 1


def blobs(dtype=np.uint8, shape=(20, 17, 9)):
    values = np.random.default_rng(1).integers(0, 4, shape).astype(dtype)
    return np.where(values > 1, values, 0).astype(dtype)


def tally(path, **options) -> Tally:
    (counted,) = count_labels([CellMapImage(str(path), "nuc", *CUBE, **options).labels]).values()
    return counted


def annotate(path, counts) -> None:
    node = zarr.open(str(path), mode="r+")
    node.attrs["cellmap"] = {"annotation": {"class_name": "nuc", "complement_counts": counts}}


def contents(path) -> dict[str, tuple[bytes, int]]:
    files = [file for file in Path(path).rglob("*") if file.is_file()]
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint64, np.int16, np.float32, np.bool_], ids=lambda d: d.__name__
)
@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_every_voxel_above_zero_is_counted(dtype, ngff, tmp_path) -> None:
    """Without metadata the level is read: positive are more than 0, whatever the type and the format."""
    path = write_multiscale(tmp_path / "nuc", blobs(dtype), ngff=ngff)
    assert tally(path) == Tally(int(np.count_nonzero(blobs(dtype))), 20 * 17 * 9)
    assert CellMapImage(path, "nuc", *CUBE).class_counts == np.count_nonzero(blobs(dtype))


def test_what_is_no_number_and_what_is_negative_is_not_positive(tmp_path) -> None:
    """NaN is unknown, and so no background either; negative labels are known and not positive."""
    values = np.array([np.nan, -1, 0, 1, 2, np.nan, 0.5, 0], np.float32).reshape(2, 2, 2)
    assert tally(write_multiscale(tmp_path / "nuc", values)) == Tally(3, 6)


def test_an_array_larger_than_a_block_is_counted_once(tmp_path) -> None:
    """Blocks neither overlap nor leave anything out."""
    values = blobs(np.uint16, (1, 300, 260))
    path = write_multiscale(tmp_path / "nuc", values, chunks=(1, 64, 64))
    assert tally(path) == Tally(int(np.count_nonzero(values)), values.size)


def test_the_level_that_is_read_counts(tmp_path) -> None:
    """Counts and total_voxels speak of the level that patches are read from."""
    path = write_multiscale(tmp_path / "nuc", np.ones((8, 8, 8), np.uint8), levels=2)
    image = CellMapImage(path, "nuc", (16, 16, 16), (4, 4, 4))
    assert image.class_counts == image.total_voxels == 64


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
@pytest.mark.parametrize("place", ["s0", ""], ids=["array", "group"])
def test_annotation_metadata_saves_the_reading(place, ngff, tmp_path) -> None:
    """complement_counts are what is absent and what is unknown; the rest is positive, no array is opened."""
    path = write_multiscale(tmp_path / "nuc", np.zeros((10, 10, 10), np.uint8), ngff=ngff)
    annotate(Path(path, place), {"absent": 600, "unknown": 150})
    hooks = Untouched()
    image = CellMapImage(path, "nuc", *CUBE, plugins=hooks)
    image.stored  # noqa: B018 - asks for the description of the array
    asked = hooks.asked
    assert count_labels([image.labels]) == {f"{path}/s0": Tally(250, 850)}
    assert hooks.asked == asked


def test_a_coarser_level_takes_the_share_of_the_finest(tmp_path) -> None:
    """Metadata of the finest level alone counts in proportion; the level's own comes first."""
    path = write_multiscale(tmp_path / "nuc", np.zeros((16, 16, 16), np.uint8), levels=2)
    coarse = (16, 16, 16), (4, 4, 4)
    annotate(Path(path, "s0"), {"absent": 1024})
    assert CellMapImage(path, "nuc", *coarse).class_counts == (4096 - 1024) // 8
    annotate(Path(path, "s1"), {"absent": 500})
    assert CellMapImage(path, "nuc", *coarse).class_counts == 12


@pytest.mark.parametrize(
    "counts",
    [{}, {"absent": 10**9}, {"absent": -1}, {"absent": "many"}, [1], {"absent": 1.5}, None],
    ids=["empty", "more than there are", "negative", "a word", "a list", "a fraction", "nothing"],
)
def test_metadata_that_cannot_be_right_is_not_believed(counts, tmp_path) -> None:
    """Counts that no such array can have are passed over, and the voxels are counted."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    annotate(Path(path, "s0"), counts)
    assert tally(path).positive == np.count_nonzero(blobs())


def test_what_was_counted_is_not_counted_again(tmp_path, cache_folder) -> None:
    """The second time no array is opened, and the data stay as they were to the byte."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    before = contents(path)
    counted = tally(path)
    assert contents(path) == before
    (kept,) = cache_folder.rglob("*.json")
    assert json.loads(kept.read_text())["uri"] == f"{path}/s0"
    kept.write_text(json.dumps({"positive": 7, "known": 9}))  # a mark that tells this file from a recount
    assert counted != Tally(7, 9)
    assert tally(path) == Tally(7, 9)


def test_arrays_that_come_twice_are_read_once(tmp_path) -> None:
    """Several images of one array make one read."""
    path, hooks = write_multiscale(tmp_path / "nuc", blobs()), Untouched()
    images = [CellMapImage(path, "nuc", *CUBE, plugins=hooks) for _ in range(3)]
    labels = [image.labels for image in images]
    described = hooks.asked
    assert len(count_labels(labels)) == 1
    assert hooks.asked == described + 1


def test_changed_data_are_counted_anew(tmp_path) -> None:
    """A chunk put in place by renaming changes the fingerprint; reading does not."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    array, before = f"{path}/s0", fingerprint(f"{path}/s0")
    zarr.open(array, mode="r")[:]
    assert fingerprint(array) == before
    zarr.open(array, mode="r+")[0, 0, 0] = 9
    assert fingerprint(array) != before
    assert fingerprint(str(tmp_path / "nowhere")) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"positive": "1", "known": 2}', '{"positive": 3, "known": 2}', "\x00\xff"],
    ids=["empty", "cut off", "no object", "no counts", "no numbers", "contradictory", "garbage"],
)
def test_spoilt_cache_files_are_replaced(text, tmp_path, cache_folder) -> None:
    """A file that cannot be read counts as none, and is written again."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    counted = tally(path)
    (kept,) = cache_folder.rglob("*.json")
    kept.write_text(text)
    assert tally(path) == counted
    assert json.loads(kept.read_text())["positive"] == counted.positive
    assert not list(cache_folder.rglob("*.part"))


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path, monkeypatch) -> None:
    """Counting goes on, and says once which folder it was."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("CELLMAP_DATA_CACHE_DIR", str(blocked))
    paths = [write_multiscale(tmp_path / name, blobs()) for name in ("a", "b", "c")]
    with pytest.warns(UserWarning, match="cannot be kept in .*file") as caught:
        found = count_labels(CellMapImage(path, "nuc", *CUBE).labels for path in paths)
    assert {counted.positive for counted in found.values()} == {np.count_nonzero(blobs())}
    assert len(caught) == 1
    assert tally(paths[0]).positive == np.count_nonzero(blobs())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CELLMAP_DATA_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/cellmap-data"),
        ({"HOME": "/c"}, "/c/.cache/cellmap-data"),
    ],
    ids=["chosen", "of the desktop", "default"],
)
def test_the_cache_lies_where_caches_lie(variables, expected, monkeypatch) -> None:
    """Our own variable comes first, then the desktop's, then the usual folder."""
    for name in ("CELLMAP_DATA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == expected


def keep_many(uri: str) -> None:
    for _ in range(200):
        Remembered(uri).keep(Tally(11, 22))


def test_processes_may_keep_the_same_counts_at_once(tmp_path) -> None:
    """Whoever reads while several write finds all of a file or none of it."""
    uri = write_multiscale(tmp_path / "nuc", blobs()) + "/s0"
    writer = multiprocessing.get_context("spawn").Process(target=keep_many, args=(uri,))
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(Remembered(uri).recall())
        Remembered(uri).keep(Tally(11, 22))
    assert writer.exitcode == 0
    assert seen <= {None, Tally(11, 22)}
    assert Remembered(uri).recall() == Tally(11, 22)


def test_labels_that_cannot_be_read_are_an_error(tmp_path) -> None:
    """A chunk that does not decode is named, and nothing is kept."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    (Path(path) / "s0" / "0" / "0" / "0").write_bytes(b"garbage")
    with pytest.raises(StoreError, match="nuc/s0"):
        tally(path)
    assert Remembered(f"{path}/s0").recall() is None


class InMemory:
    """A reader of ones that no file holds."""

    shape, dtype = (8, 8, 8), np.dtype(np.uint8)

    def read(self, box):
        return np.ones([part.stop - part.start for part in box], np.uint8)

    def read_into(self, box, out):
        raise AssertionError("counting reads blocks")


class Memory:
    def open_array(self, uri, context):
        return InMemory()


def test_arrays_that_only_a_plugin_knows_are_counted(tmp_path, cache_folder) -> None:
    """Where nothing tells whether an array changed it is counted every time."""
    path = write_multiscale(tmp_path / "nuc", blobs())
    shutil.rmtree(f"{path}/s0")
    assert tally(path, plugins=Memory()) == Tally(512, 512)
    assert not list(cache_folder.rglob("*.json"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "patience", "shown"),
    [(Terminal(), 0.0, True), (Terminal(), 60.0, False), (io.StringIO(), 0.0, False)],
    ids=["a long wait", "a short one", "no terminal"],
)
def test_a_bar_is_for_those_who_wait(stream, patience, shown, monkeypatch) -> None:
    """Progress is shown at a terminal when the work takes long, and only there."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    with Bar("Counting labels", 10, patience) as bar:
        for _ in range(10):
            bar.advance(1)
    assert ("Counting labels" in stream.getvalue()) == shown
