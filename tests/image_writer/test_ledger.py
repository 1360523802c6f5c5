"""What a ledger says is done, is done."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError, OutputExistsError, StoreError
from cellmap_data.image_writer.ledger import Ledger
from cellmap_data.image_writer.numbers import Numbers, runs
from tests.image_writer.outputs import files_no_longer_than, make

JOB = {"shape": [20, 20, 20], "blocks": [8, 8, 8], "arrays": ["mito", "er"]}


def test_what_is_added_is_there_for_good(tmp_path) -> None:
    """Blocks are done for this ledger, and for one that is opened later; the rest remains."""
    with Ledger.open(str(tmp_path), JOB) as ledger:
        ledger.add([4, 2, 3])
        ledger.add(np.int64(7))
        ledger.add([])
        with pytest.raises(TypeError, match="whole number"):
            ledger.add(5.0)
        assert (len(ledger), 3 in ledger, 5 in ledger) == (4, True, False)
    again = Ledger.open(str(tmp_path), JOB, resume=True)
    assert list(again.remaining(9)) == [0, 1, 5, 6, 8]
    again.add(range(9))
    assert list(again.remaining(9)) == []
    assert len(Ledger.open(str(tmp_path), JOB, resume=True)) == 9


def test_remaining_looks_when_its_turn_comes(tmp_path) -> None:
    """What is recorded while others go through the rest is not handed to them."""
    ledger = Ledger.open(str(tmp_path), JOB)
    rest = ledger.remaining(10**12)
    assert next(rest) == 0
    ledger.add(range(1, 200_000))
    assert next(rest) == 200_000


def test_an_old_ledger_is_not_taken_for_a_new_one(tmp_path) -> None:
    """Without saying what to do with it, one that is there is refused; overwriting forgets it."""
    Ledger.open(str(tmp_path), JOB).add(1)
    with pytest.raises(OutputExistsError, match=r"resume=True(?s:.)*overwrite=True") as caught:
        Ledger.open(str(tmp_path), JOB)
    assert isinstance(caught.value, FileExistsError)
    assert str(tmp_path) in str(caught.value)
    assert len(Ledger.open(str(tmp_path), JOB, overwrite=True)) == 0
    assert len(Ledger.open(str(tmp_path), JOB, resume=True)) == 0


def test_another_job_is_refused_with_each_difference(tmp_path) -> None:
    """A ledger of other blocks does not count for these, and every difference is listed."""
    Ledger.open(str(tmp_path), JOB).add(1)
    other = {"shape": [20, 20, 21], "blocks": [8, 8, 8], "classes": 3}
    with pytest.raises(ConfigurationError) as caught:
        Ledger.open(str(tmp_path), other, resume=True)
    lines = [line.strip() for line in str(caught.value).splitlines() if "expected" in line]
    assert [line.split(":")[0] for line in lines] == ["- shape", "- classes", "- arrays"]
    assert "20, 21" in lines[0]
    assert len(Ledger.open(str(tmp_path), JOB, resume=True)) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path) -> None:
    """A ledger clears no folder that is not a ledger's."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match=r"folder of its own(?s:.)*thesis.txt"):
        Ledger.open(str(tmp_path), JOB, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_run_is_one_ledger(tmp_path) -> None:
    """Processes of a run join, whatever they were told to do with older ones, and see each other's blocks."""
    Ledger.open(str(tmp_path), JOB).add(9)
    first = Ledger.open(str(tmp_path), JOB, overwrite=True, run_id="a")
    first.add(1)
    second = Ledger.open(str(tmp_path), JOB, overwrite=True, run_id="a")
    second.add(2)
    assert (1 in second, 2 in first, 9 in second) == (True, False, False)
    first.refresh()
    assert len(first) == 2
    third = pickle.loads(pickle.dumps(first))
    assert (len(third), third.run_id) == (2, "a")
    third.add(3)
    first.refresh()
    assert 3 in first


def test_threads_share_a_ledger(tmp_path) -> None:
    """Blocks that many threads record at once are all there, in memory and on disk."""
    ledger = Ledger.open(str(tmp_path), JOB)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ledger.add, range(300)))
    assert len(ledger) == 300
    assert list(Ledger.open(str(tmp_path), JOB, resume=True).remaining(300)) == []


@settings(max_examples=60)
@given(data=st.data(), batches=st.lists(st.sets(st.integers(0, 2000), min_size=1), min_size=1, max_size=6))
def test_a_record_that_is_cut_off_does_not_count(data, batches) -> None:
    """Whatever byte a file ends at, and whatever follows the cut, what is read was recorded whole."""
    with tempfile.TemporaryDirectory() as folder:
        sizes, done = [0], [set()]
        with Ledger.open(folder, JOB) as ledger:
            for batch in batches:
                ledger.add(batch)
                (file,) = Path(folder, "done").iterdir()
                sizes.append(file.stat().st_size)
                done.append(done[-1] | batch)
        cut = data.draw(st.integers(0, sizes[-1]))
        content = file.read_bytes()
        file.write_bytes(content[:cut] + data.draw(st.sampled_from([b"", b"\0" * 100, content[:7]])))
        again = Ledger.open(folder, JOB, resume=True)
        found = {number for number in range(2001) if number in again}
        whole = max(i for i, size in enumerate(sizes) if size <= cut)
        assert done[whole] <= found <= done[-1]
        assert len(again) == len(found)


WRITER = """
import sys
import numpy as np
from cellmap_data import ImageWriter
from cellmap_data.image_writer import Ledger

path = sys.argv[1]
writer = ImageWriter(
    path, "mito", (8, 8, 8), {axis: (0, 8 * 96) for axis in "zyx"}, (8, 8, 8), fill_value=-1,
    resume=True, ngff="0.5", chunk_shape=(4, 4, 4),
)
ledger = Ledger.open(f"{writer.records}/ledger", writer.layout.job, resume=True)
print("ready", flush=True)
for number in ledger.remaining(len(writer.blocks)):
    block = writer.blocks[number]
    writer.write(block, np.full(block.shape, number))
    ledger.add(number)
print("finished", flush=True)
"""


def test_a_killed_writer_leaves_a_true_ledger(tmp_path) -> None:
    """Killed at any moment, again and again: each block that counts as done is there whole."""
    path, rng = tmp_path / "out.zarr", np.random.default_rng(0)
    before = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        writer = make(
            path,
            box=dict.fromkeys("zyx", (0, 8 * 96)),
            fill_value=-1,
            resume=True,
            ngff="0.5",
            chunk_shape=(4, 4, 4),
        )
        ledger = Ledger.open(f"{writer.records}/ledger", writer.layout.job, resume=True)
        done = [number for number in range(len(writer.blocks)) if number in ledger]
        assert len(done) >= before
        before = len(done)
        for number in done:
            assert (writer.read(writer.blocks[number]) == number).all()
    assert before > 0


def test_a_full_disk_leaves_a_true_ledger(tmp_path) -> None:
    """A record that does not fit is an error with the path; its block is not done, and later ones can be."""
    ledger = Ledger.open(str(tmp_path), JOB)
    ledger.add(0)
    with (
        files_no_longer_than(20),
        pytest.raises(StoreError, match=r"does not take(?s:.)*make room") as caught,
    ):
        for number in range(1, 100):
            ledger.add(number)
    assert str(tmp_path) in str(caught.value)
    known = len(ledger)
    assert 0 < known < 99
    ledger.add(98)
    again = Ledger.open(str(tmp_path), JOB, resume=True)
    assert [number for number in range(100) if number in again] == [*range(known), 98]


def test_a_million_blocks_are_small(tmp_path) -> None:
    """A bit for each block, in any order, and in the end almost nothing."""
    numbers = Numbers()
    for number in np.random.default_rng(0).permutation(200_000)[:100_000].tolist():
        numbers.add(number, number)
    assert len(numbers) == 100_000
    pages = [page for page in numbers._pages.values() if page is not None]
    assert sum(map(len, pages)) <= 200_000 / 8 + 8192
    numbers.add(0, 999_999)
    assert len(numbers) == 1_000_000
    ledger = Ledger.open(str(tmp_path), JOB)
    ledger.add(range(1_000_000))
    assert sum(path.stat().st_size for path in (tmp_path / "done").iterdir()) < 100


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 70_000)), max_size=8), st.data())
def test_numbers_are_a_set(ranges, data) -> None:
    """Runs of numbers that overlap in any way count once each."""
    numbers, expected = Numbers(), set()
    for first, length in ranges:
        numbers.add(first, first + length)
        expected |= set(range(first, first + length + 1))
    assert len(numbers) == len(expected)
    probe = data.draw(st.integers(0, 300_000))
    assert (probe in numbers) == (probe in expected)
    count = data.draw(st.integers(0, 70_000))
    assert list(numbers.missing(count)) == [n for n in range(count) if n not in expected]


@given(st.sets(st.integers(0, 40)))
def test_runs_are_what_they_came_from(numbers) -> None:
    """Numbers in runs are the same numbers, in as few runs as there can be."""
    found = list(runs(numbers))
    assert [n for first, last in found for n in range(first, last + 1)] == sorted(numbers)
    assert all(second[0] > first[1] + 1 for first, second in pairwise(found))


def test_two_open_at_once(tmp_path) -> None:
    """Many that open one ledger of one run at the same moment all get it, and none is emptied."""
    barrier = threading.Barrier(6)

    def open_and_add(number: int) -> None:
        barrier.wait()
        Ledger.open(str(tmp_path), JOB, overwrite=True, run_id="a").add(number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_and_add, range(6)))
    assert len(Ledger.open(str(tmp_path), JOB, run_id="a")) == 6
