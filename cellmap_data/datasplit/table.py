"""A split as a CSV file, in the forms in which people write them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator

from cellmap_data.datasplit.rows import BrokenRow, Row, Rows, usage_of
from cellmap_data.errors import ConfigurationError, StoreError, StoreNotFoundError, message
from cellmap_data.storage import join

_HEADERS = ("split", "usage")
_EXPECTED = "split,raw_zarr,raw_dataset,gt_zarr,gt_dataset or split,raw_path,gt_path"


def read_table(path: str | os.PathLike[str]) -> Rows:
    """The rows of a CSV file, those that cannot be read among them, in order.

    Five columns are ``split,raw_zarr,raw_dataset,gt_zarr,gt_dataset``, joined pairwise; two to four are
    ``split,raw_path,gt_path`` and a remark that is not read. Labels may be missing or empty. The classes of a
    label path may stand in quotes or not. Spaces around a cell, empty lines, lines that begin with ``#``, a
    first row whose first cell is "split", a byte-order mark and the line ends of Windows do not matter.

    Raises
    ------
    StoreNotFoundError
        If there is no such file.
    StoreError
        If it cannot be read.
    ConfigurationError
        If it is no text in UTF-8.
    """
    place = os.fspath(path)
    try:
        with open(place, encoding="utf-8-sig", newline="") as file:
            return list(_rows(place, file))
    except FileNotFoundError as error:
        raise StoreNotFoundError(message("There is no such table of a split.", place=place)) from error
    except OSError as error:
        raise StoreError(message("A table of a split cannot be read.", place=place, got=error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            message("A table of a split is a CSV file in UTF-8.", place=place, got=error)
        ) from error


def _rows(place: str, file: Iterable[str]) -> Iterator[Row | BrokenRow]:
    uncommented = ("\n" if line.lstrip().startswith("#") else line for line in file)
    reader, first = csv.reader(uncommented, skipinitialspace=True), True
    for written in reader:
        cells = _with_whole_classes([cell.strip() for cell in written])
        if not any(cells):
            continue
        if not (first and cells[0].lower() in _HEADERS):
            yield _row(cells, f"{place}, row {reader.line_num}")
        first = False


def _with_whole_classes(cells: list[str]) -> list[str]:
    """The cells, with those put together again that the commas between the classes have parted."""
    whole: list[str] = []
    for cell in cells:
        if whole and whole[-1].count("[") > whole[-1].count("]"):
            whole[-1] += f",{cell}"
        else:
            whole.append(cell)
    return whole


def _row(cells: list[str], place: str) -> Row | BrokenRow:
    while len(cells) > 5 and not cells[-1]:
        cells = cells[:-1]
    if any("\n" in cell for cell in cells):
        return BrokenRow(place, "a quote is not closed in this row or one before it")
    if not 2 <= len(cells) <= 5:
        return BrokenRow(place, f"expected the columns {_EXPECTED}, got {len(cells)}: {','.join(cells)}")
    if len(cells) == 5:
        raw, labels = _joined(*cells[1:3]), _joined(*cells[3:5])
    else:
        raw, labels = cells[1], (*cells, "")[2]
    try:
        usage = usage_of(cells[0])
    except ConfigurationError as error:
        return BrokenRow(place, str(error))
    return Row(usage, raw, labels, place) if raw else BrokenRow(place, "expected the path of raw, got none")


def _joined(store: str, dataset: str) -> str:
    return join(store, dataset) if store and dataset.strip("/") else store or dataset
