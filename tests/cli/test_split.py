"""``cellmap-data split``: from folders to a table."""

from __future__ import annotations

import json

import pytest

from cellmap_data.datasplit.table import read_table
from tests.datasplit.crops import split_of, write_dataset

CROPS = [(f"crop{number}", ["nuc", "mito"][: 1 + number % 2], number * 104) for number in range(4)]


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "data" / "jrc_a", CROPS)
    return tmp_path / "data"


def test_the_command_writes_a_table_and_says_what_is_in_it(folder, tmp_path, command) -> None:
    """Crops of each class for each use, what was left out, and where the table is; a split reads it."""
    table = tmp_path / "split.csv"
    done = command(
        "split", str(folder), "--output", str(table), "--validation", "0.25", "--classes", "mito, er"
    )
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()[:3]] == [
        ["class", "train", "validate"],
        ["mito", "1", "1"],
        ["crops", "1", "1"],
    ]
    assert f"left out: {folder}/jrc_a/jrc_a.zarr/recon-1/labels/groundtruth/crop0: none of these" in done.out
    assert f"written: {table}" in done.out
    split = split_of(csv_path=table)
    assert (len(split.train_datasets), len(split.validation_datasets)) == (1, 1)


def test_scripts_read_json(folder, tmp_path, command) -> None:
    """Path, rows and what was left out, as the function gives them."""
    table = tmp_path / "split.csv"
    done = command("split", str(folder), "--output", str(table), "--seed", "3", "--json")
    told = json.loads(done.out)
    assert told["path"] == str(table)
    assert [row["usage"] for row in told["rows"]] == [row.usage for row in read_table(table)]


def test_what_is_there_is_not_replaced(folder, tmp_path, command) -> None:
    """A table that is there, and a folder without crops: exit code 1 and what to do; wrong use is 2."""
    table = tmp_path / "split.csv"
    table.write_text("mine")
    done = command("split", str(folder), "--output", str(table))
    assert done.code == 1
    assert "overwrite=True" in done.err
    assert table.read_text() == "mine"
    assert command("split", str(folder), "--output", str(table), "--overwrite").code == 0
    (tmp_path / "empty").mkdir()
    done = command("split", str(tmp_path / "empty"), "--output", str(tmp_path / "none.csv"))
    assert (done.code, "There is nothing to split" in done.err) == (1, True)
    assert command("split", str(tmp_path / "nowhere")).code == 2
