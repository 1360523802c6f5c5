"""Rows that stand for many crops."""

from __future__ import annotations

import pytest

from cellmap_data.datasplit.rows import BrokenRow, Row
from cellmap_data.datasplit.wildcards import written_out
from cellmap_data.storage import Folders

CROPS = ("a/em/raw", "b/em/raw", "a/gt/crop1/nuc", "a/gt/crop1/mito", "a/gt/crop2/nuc", "b/gt/crop3/mito")


@pytest.fixture
def root(tmp_path):
    for crop in CROPS:
        (tmp_path / crop).mkdir(parents=True)
    (tmp_path / "a" / "gt" / "crop9.txt").write_text("no folder")
    (tmp_path / "a" / "gt" / ".crop4").mkdir()
    return tmp_path


def pairs(root, raw, labels) -> list[tuple[str, str]]:
    """Raw and labels of the rows that one row stands for, below the root."""
    rows = written_out(Row("train", f"{root}/{raw}", labels and f"{root}/{labels}", "row 1"), Folders())
    assert {row.place for row in rows} == {"row 1"}
    assert all(isinstance(row, Row) for row in rows), rows
    return [(row.raw.removeprefix(f"{root}/"), row.labels.removeprefix(f"{root}/")) for row in rows]


EXPANDED = {
    ("a/em/raw", "a/gt/crop1/[nuc]"): [("a/em/raw", "a/gt/crop1/[nuc]")],
    ("a/em/raw", "a/gt/crop*/[nuc,mito]"): [
        ("a/em/raw", "a/gt/crop1/[nuc,mito]"),
        ("a/em/raw", "a/gt/crop2/[nuc,mito]"),
    ],
    ("*/em/raw", "*/gt/crop?/[*]"): [
        ("a/em/raw", "a/gt/crop1/[mito,nuc]"),
        ("a/em/raw", "a/gt/crop2/[nuc]"),
        ("b/em/raw", "b/gt/crop3/[mito]"),
    ],
    ("*/em/*", "*/gt/*3/*"): [("b/em/raw", "b/gt/crop3/[mito]")],
    ("*/e*/raw", "*/gt/*3/*"): [("b/em/raw", "b/gt/crop3/[mito]")],
    ("a/e?/raw", "a/gt/crop2/nuc"): [("a/em/raw", "a/gt/crop2/nuc")],
    ("*/em/raw", ""): [("a/em/raw", ""), ("b/em/raw", "")],
    ("a/em/raw", "a/gt/crop1/n[*]"): [("a/em/raw", "a/gt/crop1/n[uc]")],
}


@pytest.mark.parametrize("row", EXPANDED, ids=" ".join)
def test_a_row_stands_for_what_is_there(row, root) -> None:
    """Wildcards of raw are those of the labels; ``[*]`` is the classes of each crop; files are no crops."""
    assert pairs(root, *row) == EXPANDED[row]


@pytest.mark.parametrize(
    ("raw", "labels", "why"),
    [
        ("a/em/raw", "a/gt/corp*/[nuc]", "Nothing is there that a path with wildcards could mean"),
        ("a/em/*/s0", "a/gt/crop1/[nuc]", "Nothing is there"),
        ("*/em/raw", "a/gt/crop1/[nuc]", "Labels belong to one raw volume"),
        ("a/em/raw", "a/gt/crop1/m*", "Classes have no wildcards"),
        ("a/em/raw", "a/gt/crop1/[m*]", "Classes have no wildcards"),
        ("a/em/raw", "a/gt/crop5/[*]", "There are no labels"),
    ],
    ids=["no crop", "no raw", "two raws", "class", "class in brackets", "no class"],
)
def test_a_row_that_stands_for_nothing_is_broken(raw, labels, why, root) -> None:
    """What matches nothing, or more than one raw, is told with the row's place."""
    (row,) = written_out(Row("train", f"{root}/{raw}", f"{root}/{labels}", "row 1"), Folders())
    assert isinstance(row, BrokenRow)
    assert str(row).startswith(f"row 1: {why}")


def test_relative_paths(root, monkeypatch) -> None:
    """Wildcards work from the working directory."""
    monkeypatch.chdir(root)
    rows = written_out(Row("train", "?/em/raw", "?/gt/crop1/[nuc]", ""), Folders())
    assert [row.raw for row in rows] == ["a/em/raw"]


def test_a_web_address_has_no_wildcards_but_stars() -> None:
    """A question mark belongs to the address, and a server cannot be asked what it has."""
    row = Row("train", "https://host/raw?token=1", "https://host/gt/nuc?token=1", "row 1")
    assert written_out(row, Folders()) == [row]
    (broken,) = written_out(Row("train", "https://host/raw", "https://host/gt/*/nuc", "row 1"), Folders())
    assert "A web server does not say what it has" in str(broken)
