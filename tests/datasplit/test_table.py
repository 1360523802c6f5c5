"""Tables of splits, in the forms in which people write them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellmap_data.datasplit.rows import BrokenRow, Row, read_dict
from cellmap_data.datasplit.table import read_table
from cellmap_data.errors import ConfigurationError, StoreNotFoundError

NAMES = st.text("abcXYZ019_-. ()'é", min_size=1, max_size=8).map(str.strip).filter(bool)
STORES = st.lists(NAMES, min_size=1, max_size=3).map("/".join).map("/data/{}.zarr".format)
CLASSES = st.lists(st.sampled_from(["nuc", "mito", "er_mem", "ld"]), min_size=1, max_size=3, unique=True)
SPELT = {"train": ["train", "Train", "training"], "validate": ["validate", "val", "validation", "VAL"]}


@st.composite
def crops(draw):
    """A use, a raw volume and labels: what a row says, store and the rest of the path apart."""
    usage = draw(st.sampled_from(["train", "validate"]))
    labels = f"labels/{draw(NAMES)}/[{','.join(draw(CLASSES))}]"
    return usage, draw(STORES), f"em/{draw(NAMES)}", draw(STORES), labels


def quoted(cell: str) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow([cell])
    return text.getvalue()


@st.composite
def written(draw, rows):
    """The rows as somebody writes them."""
    five, eol = draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n"]))
    blank, space = st.sampled_from(["", "  ", "# a remark, with a comma"]), st.sampled_from(["", " ", "  "])
    lines = [draw(blank)]
    if draw(st.booleans()):
        lines.append("split,raw_zarr,raw_dataset,gt_zarr,gt_dataset" if five else "split,raw,gt")
    for usage, raw_store, raw, gt_store, gt in rows:
        lines += draw(st.lists(blank, max_size=2))
        name = draw(st.sampled_from(SPELT[usage]))
        slash = draw(st.sampled_from(["", "/"]))
        cells = [name, raw_store + slash, slash + raw, gt_store, gt] if five else []
        cells = cells or [name, f"{raw_store}/{raw}", f"{gt_store}/{gt}"]
        cells += [] if five else draw(st.sampled_from([[], [""], ["a good crop"]]))
        cells = [quoted(c) if draw(st.booleans()) else c for c in cells]
        lines.append(",".join(f"{draw(space)}{c}{draw(space)}" for c in cells))
    end = draw(st.sampled_from(["", eol, eol * 3]))
    return (draw(st.sampled_from(["", "\ufeff"])) + eol.join(lines) + end).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rows=st.lists(crops(), max_size=4))
def test_a_table_says_the_same_in_any_form(data, rows, tmp_path) -> None:
    """Columns, quotes, spaces, remarks, empty lines, a header, line ends, a byte-order mark: no matter."""
    table = tmp_path / "split.csv"
    table.write_bytes(data.draw(written(rows)))
    found = [replace(row, place="") for row in read_table(table)]
    assert found == [Row(usage, f"{r}/{d}", f"{g}/{e}", "") for usage, r, d, g, e in rows]


def test_rows_are_numbered_as_editors_number_lines(tmp_path) -> None:
    """A remark, an empty line and the header count."""
    table = tmp_path / "split.csv"
    table.write_text("# crops\n\nsplit,raw,gt\ntrain,r,g/nuc\n\nval,r,g/[nuc,mito]\n")
    assert read_table(table) == [
        Row("train", "r", "g/nuc", f"{table}, row 4"),
        Row("validate", "r", "g/[nuc,mito]", f"{table}, row 6"),
    ]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("train,r", ("r", "")),
        ("train,r,", ("r", "")),
        ("train,z,d,,", ("z/d", "")),
        ("train,z,,g,l/nuc,,", ("z", "g/l/nuc")),
        ("train,s3://bucket/z.zarr,d,s3://bucket/z.zarr/,l/[nuc]", ("s3://bucket/z.zarr/d", "s3://bucket/z.zarr/l/[nuc]")),
    ],
    ids=["no labels", "empty labels", "five columns without labels", "no dataset", "remote"],
)  # fmt: skip
def test_labels_and_datasets_may_be_missing(line, row, tmp_path) -> None:
    """Raw alone, in either form; a store that is a volume itself; addresses."""
    table = tmp_path / "split.csv"
    table.write_text(line)
    (found,) = read_table(table)
    assert (found.raw, found.labels) == row


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("train", "expected the columns"),
        ("train,a,b,c,d,e", "got 6: train,a,b,c,d,e"),
        ("train,,g", "expected the path of raw"),
        ("tarin,r,g", "Unknown split(.|\n)*'tarin'"),
        ('train,"r,g\ntrain,r,g', "a quote is not closed"),
    ],
    ids=["one column", "six columns", "no raw", "unknown split", "open quote"],
)
def test_a_row_that_cannot_be_read_says_why(line, why, tmp_path) -> None:
    """It is told with its place, and does not keep others from being read."""
    table = tmp_path / "split.csv"
    table.write_text(f"train,r,g\n{line}")
    good, bad = read_table(table)
    assert isinstance(good, Row)
    assert isinstance(bad, BrokenRow)
    assert bad.place in (f"{table}, row 2", f"{table}, row 3")  # an open quote ends with the file
    assert re.search(why, bad.why)


def test_a_table_that_is_not_there(tmp_path) -> None:
    """The error is FileNotFoundError, and names the table."""
    with pytest.raises(StoreNotFoundError, match=r"split\.csv") as caught:
        read_table(tmp_path / "split.csv")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_table_that_is_no_text(tmp_path) -> None:
    """A spreadsheet is refused with what is expected."""
    (tmp_path / "split.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ConfigurationError, match="CSV file in UTF-8"):
        read_table(tmp_path / "split.csv")


def test_a_dictionary_says_what_is_wrong_with_it() -> None:
    """Every entry that cannot be one is told, with its place."""
    given = {
        "train": [{"raw": "r", "gt": "g"}, {"gt": "g"}, {"raw": "r", "labels": "g"}, "r"],
        "Validation": [{"raw": Path("r")}],
        "tset": [{"raw": "r"}],
    }
    rows = read_dict(given)
    assert rows[0] == Row("train", "r", "g", "dataset_dict['train'][0]")
    assert rows[4] == Row("validate", "r", "", "dataset_dict['Validation'][0]")
    assert [str(row).split(":")[0] for row in rows if isinstance(row, BrokenRow)] == [
        "dataset_dict['train'][1]",
        "dataset_dict['train'][2]",
        "dataset_dict['train'][3]",
        "dataset_dict",
    ]
