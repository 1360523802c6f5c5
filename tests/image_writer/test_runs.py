"""Output that is there already, and several processes that make one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import zarr

from cellmap_data.errors import ConfigurationError, OutputExistsError, StoreError
from cellmap_data.image_writer import claim
from cellmap_data.ngff import format_violations, listed_paths
from cellmap_data.storage import read_attributes
from cellmap_data.testing import write_volume
from tests.image_writer.outputs import FORMATS, fill, make, ramp_of, stored

FORMAT = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@FORMAT
def test_what_is_there_is_not_written_over(options, tmp_path) -> None:
    """Without saying what to do with it, an output is refused, by an error with the path and both options."""
    fill(writer := make(tmp_path / "out.zarr", **options), ramp_of(writer))
    before = snapshot(tmp_path)
    with pytest.raises(FileExistsError) as caught:
        make(tmp_path / "out.zarr", **options)
    assert isinstance(caught.value, OutputExistsError)
    for words in (writer.array_path, "resume=True", "overwrite=True"):
        assert words in str(caught.value)
    assert snapshot(tmp_path) == before


@FORMAT
def test_overwriting_removes_the_old_array_first(options, tmp_path) -> None:
    """Of the old array nothing is left where nothing new is written, whatever its size, type and chunks."""
    old = make(tmp_path / "out.zarr", block=(5, 5, 5), box=dict.fromkeys("zyx", (0, 240)), dtype="uint8")
    fill(old, np.full((30, 30, 30), 7))
    writer = make(tmp_path / "out.zarr", overwrite=True, fill_value=-1, **options)
    assert (stored(tmp_path / "out.zarr") == -1).all()
    fill(writer, ramp_of(writer))
    assert np.array_equal(stored(tmp_path / "out.zarr"), ramp_of(writer))
    assert format_violations(read_attributes(str(tmp_path / "out.zarr"))) == []


def test_overwriting_removes_levels_that_show_the_old_array(tmp_path) -> None:
    """Coarser levels of what is gone are gone too, and from the metadata."""
    fill(writer := make(tmp_path, levels=3), ramp_of(writer))
    writer.finish()
    make(tmp_path, overwrite=True)
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0"]
    assert [name for name, _ in zarr.open_group(str(tmp_path), mode="r").members()] == ["s0"]


@FORMAT
def test_resuming_keeps_what_was_written(options, tmp_path) -> None:
    """An output is gone on with, any number of times, and blocks that were written stay."""
    writer = make(tmp_path, **options)
    values = ramp_of(writer) + 1
    for number, block in enumerate(writer.blocks):
        if number % 9 == 0:
            writer = make(tmp_path, resume=True, **options)
        writer.write(block, values[block.slices])
    assert np.array_equal(stored(tmp_path), values)


def test_levels_without_their_array_are_not_resumed(tmp_path) -> None:
    """Nothing is changed then: what is missing is not listed, and can be made without them."""
    make(tmp_path, scale=(16, 16, 16), scale_level=1)
    before = (tmp_path / ".zattrs").read_bytes()
    with pytest.raises(OutputExistsError, match="Coarser levels"):
        make(tmp_path, levels=2, resume=True)
    assert (tmp_path / ".zattrs").read_bytes() == before
    assert not (tmp_path / "s0").exists()
    make(tmp_path)


def test_another_output_is_not_resumed(tmp_path) -> None:
    """Every difference to the output that is there is listed."""
    make(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        make(tmp_path, resume=True, dtype="uint8", block=(4, 4, 4), box=dict.fromkeys("zyx", (80, 240)))
    faults = [line.split(":")[0].strip(" -") for line in str(caught.value).splitlines() if "expected" in line]
    assert faults == ["translation", "block", "chunks", "dtype", "fill_value"]
    assert snapshot(tmp_path) == before


def test_output_of_other_programs_is_resumed(tmp_path) -> None:
    """An array that this package did not make is gone on with if it is the same, and only then."""
    data = np.ones((20, 20, 20), np.float32)
    write_volume(tmp_path / "a", data, chunks=(8, 8, 8))
    writer = make(tmp_path / "a", resume=True)
    writer.write(writer.blocks[0], np.zeros((8, 8, 8)))
    assert stored(tmp_path / "a").sum() == 20**3 - 8**3
    write_volume(tmp_path / "b", data, chunks=(8, 8, 8), translation=(8, 8, 8))
    with pytest.raises(ConfigurationError, match="translation"):
        make(tmp_path / "b", resume=True)
    write_volume(tmp_path / "c", data, chunks=(10, 8, 8))
    with pytest.raises(ConfigurationError, match="chunks"):
        make(tmp_path / "c", resume=True)


def a_group(path: Path) -> None:
    zarr.open_group(str(path / "s0"), mode="w", zarr_format=2).create_array("x", shape=(1,), dtype="u1")


def some_files(path: Path) -> None:
    (path / "s0").mkdir(parents=True)
    (path / "s0" / "thesis.txt").write_text("years of work")


def an_array(path: Path) -> None:
    zarr.open_array(str(path), mode="w", shape=(4,), dtype="u1")[...] = 1


def other_format(path: Path) -> None:
    write_volume(path, np.ones((4, 4, 4)), ngff="0.5", levels=2)
    (path / "s0").rename(path / "kept")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = "kept"
    (path / "zarr.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "options", [{}, {"overwrite": True}, {"resume": True}], ids=["", "overwrite", "resume"]
)
@pytest.mark.parametrize("somebodys", [a_group, some_files, an_array, other_format])
def test_what_is_not_ours_is_left_alone(somebodys, options, tmp_path) -> None:
    """Where something other than an output lies, an error says so, and nothing is changed."""
    somebodys(tmp_path / "out")
    before = snapshot(tmp_path)
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        make(tmp_path / "out", **options)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_other_groups_are_never_touched(ngff, tmp_path) -> None:
    """Groups around the output, beside it, and further attributes of its own are as they were."""
    root = zarr.open_group(str(tmp_path / "out.zarr"), mode="w", zarr_format=2, attributes={"a": 1})
    root.create_group("pred", attributes={"b": 2})
    write_volume(tmp_path / "out.zarr" / "pred" / "er", np.ones((4, 4, 4)))
    before = snapshot(tmp_path)
    path = tmp_path / "out.zarr" / "pred" / "mito"
    make(path, ngff=ngff, levels=2).finish()
    name = {"0.4": ".zattrs", "0.5": "zarr.json"}[ngff]
    document = json.loads((path / name).read_text())
    (document["attributes"] if ngff == "0.5" else document)["mine"] = 3
    (path / name).write_text(json.dumps(document))
    make(path, ngff=ngff, levels=2, overwrite=True).finish()
    assert read_attributes(str(path))["mine"] == 3
    assert before.items() <= snapshot(tmp_path).items()
    assert {file for file in snapshot(tmp_path) if path not in file.parents} == set(before)


def test_levels_are_put_beside_others(tmp_path) -> None:
    """A second level is listed beside the first, the finest first, and both stay."""
    make(tmp_path, scale_level=1, scale=(16, 16, 16), box=dict.fromkeys("zyx", (4, 164)))
    fine = make(tmp_path)
    fill(fine, ramp_of(fine))
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0", "s1"]
    assert stored(tmp_path, "s1").shape == (10, 10, 10)
    with pytest.raises(OutputExistsError):
        make(tmp_path, levels=2, scale_level=0)


RACER = """
import sys
import numpy as np
from cellmap_data import ImageWriter

path, rank = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
box = {axis: (0, 160) for axis in "zyx"}
writer = ImageWriter(path, "mito", (8, 8, 8), box, (4, 4, 4), overwrite=True, run_id="job")
for number in range(rank, len(writer.blocks), 3):
    block = writer.blocks[number]
    writer.write(block, np.full(block.shape, number + 1))
"""


def test_processes_of_a_run_make_one_output(tmp_path) -> None:
    """Three that start at once over an old output: it is removed once, and each one's blocks are there."""
    path = tmp_path / "out.zarr" / "mito"
    old = make(path)
    fill(old, np.full((20, 20, 20), -7))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), str(rank)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for rank in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.communicate("\n")
        assert racer.returncode == 0
    writer = make(path, block=(4, 4, 4), run_id="job")
    for number, block in enumerate(writer.blocks):
        assert (writer.read(block) == number + 1).all()


@pytest.mark.parametrize(
    "options", [{}, {"overwrite": True}, {"resume": True}], ids=["", "overwrite", "resume"]
)
def test_threads_of_a_run_make_one_output(options, tmp_path) -> None:
    """Many that make the same output at the same moment all get it, whatever they say of older ones."""
    if options:
        fill(make(tmp_path), np.full((20, 20, 20), -7))
    barrier = Barrier(8)

    def write(rank: int) -> None:
        barrier.wait()
        writer = make(tmp_path, run_id="job", **options)
        writer.write(
            writer.blocks[rank], np.full((8, 8, 8), rank + 1)[tuple(map(slice, writer.blocks[rank].shape))]
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    writer = make(tmp_path, run_id="job")
    assert [writer.read(writer.blocks[rank]).max() for rank in range(8)] == list(range(1, 9))


def test_one_of_two_runs_gets_a_new_output(tmp_path) -> None:
    """Of runs that do not know each other one makes the output, and the others are refused."""
    barrier = Barrier(6)

    def attempt(_: int) -> bool:
        barrier.wait()
        try:
            make(tmp_path)
        except OutputExistsError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1


def test_a_maker_that_died_is_replaced(tmp_path, monkeypatch) -> None:
    """Where the process that was to make an output is gone, another one of its run makes it after a while."""
    state = json.dumps({"run_id": "job", "ready": False, "job": {}})
    (tmp_path / "s0" / ".cellmap-data").mkdir(parents=True)
    (tmp_path / "s0" / ".cellmap-data" / "run.json").write_text(state)
    with pytest.raises(OutputExistsError):
        make(tmp_path)
    monkeypatch.setattr(claim, "_PATIENCE", 0.2)
    fill(writer := make(tmp_path, run_id="job"), ramp_of(writer))
    assert np.array_equal(stored(tmp_path), ramp_of(writer))


def test_a_maker_that_fails_leaves_nothing_behind(tmp_path) -> None:
    """After an output could not be made, the next attempt finds nothing in its way."""
    (tmp_path / "out.zarr").write_text("a file")
    with pytest.raises(StoreError):
        make(tmp_path / "out.zarr" / "mito")
    (tmp_path / "out.zarr").unlink()
    make(tmp_path / "out.zarr" / "mito")


def test_a_maker_that_is_overtaken_stops(tmp_path, monkeypatch) -> None:
    """Who finds its output taken by another run says so, and does not go on."""
    from cellmap_data.image_writer.group import OutputGroup

    original = OutputGroup.make

    def overtaken(group, replaced) -> None:
        monkeypatch.setattr(OutputGroup, "make", original)
        make(tmp_path, overwrite=True, run_id="second")
        original(group, replaced)

    monkeypatch.setattr(OutputGroup, "make", overtaken)
    with pytest.raises(StoreError, match="Another run took over"):
        make(tmp_path, run_id="first")
    make(tmp_path, run_id="second")
