"""From what a user hands to a split to one dataset for each crop."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from cellmap_data.config import Pad
from cellmap_data.dataset import CellMapDataset
from cellmap_data.datasplit.checking import Crop
from cellmap_data.datasplit.rows import USAGES, BrokenRow, Rows, Usage, read_dict, usage_of
from cellmap_data.datasplit.table import read_table
from cellmap_data.datasplit.wildcards import written_out
from cellmap_data.errors import ConfigurationError, UnannotatedWarning, message
from cellmap_data.storage import Folders

Datasets = Mapping[str, Sequence[CellMapDataset]]
Entries = Mapping[str, Sequence[Mapping[str, Any]]]
Crops = list[Crop | BrokenRow]


def pads(given: bool | str) -> dict[Usage, Pad]:
    """Whether crops are padded, for each use.

    Raises
    ------
    ConfigurationError
        If it is neither a way to pad nor a use.
    """
    if not isinstance(given, str) or given in tuple(Pad):
        return dict.fromkeys(USAGES, Pad.parse(given))
    try:
        padded = usage_of(given)
    except ConfigurationError as error:
        known = f"True, False, 'train', 'validate', {', '.join(map(repr, map(str, Pad)))}"
        rule = "Unknown way to pad."
        raise ConfigurationError(message(rule, expected=known, got=repr(given))) from error
    return {usage: Pad.parse(usage == padded) for usage in USAGES}


def crops_of(
    datasets: Datasets | None,
    dataset_dict: Entries | None,
    csv_path: str | os.PathLike[str] | None,
    options: Mapping[Usage, Mapping[str, Any]],
) -> Crops:
    """The crops that a user names in one of three ways; nothing of them is opened.

    Parameters
    ----------
    datasets, dataset_dict, csv_path
        One of them, as of :class:`~cellmap_data.CellMapDataSplit`.
    options : mapping
        For each use the arguments of its datasets but the paths.

    Raises
    ------
    ConfigurationError
        If there is not exactly one of the three, or the options cannot be right.
    StoreNotFoundError
        If the table is not there.
    """
    given = {"datasets": datasets, "dataset_dict": dataset_dict, "csv_path": csv_path}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        rule = "The crops of a split come from one place."
        got = " and ".join(named) or "none"
        raise ConfigurationError(message(rule, expected=f"one of {', '.join(given)}", got=got))
    if datasets is not None:
        return _given(datasets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnannotatedWarning)  # the split tells of all such crops at once
        _check_options(options)
        rows = read_dict(dataset_dict) if dataset_dict is not None else read_table(csv_path or "")
        return _opened(rows, options)


def _given(datasets: Datasets) -> Crops:
    crops: Crops = []
    for name, members in datasets.items():
        usage = usage_of(name)
        for number, dataset in enumerate(members):
            place = f"datasets[{name!r}][{number}]"
            if isinstance(dataset, CellMapDataset):
                crops.append(Crop(usage, place, dataset))
            else:
                crops.append(BrokenRow(place, f"expected a CellMapDataset, got {dataset!r}"))
    return crops


def _check_options(options: Mapping[Usage, Mapping[str, Any]]) -> None:
    """Make a dataset of no crop for each use: what is wrong with it is not the fault of a row."""
    for one in options.values():
        CellMapDataset("raw", f"labels/[{','.join(one['classes'] or ())}]", **one)


def _opened(rows: Rows, options: Mapping[Usage, Mapping[str, Any]]) -> Crops:
    folders, crops = Folders(options["train"]["context"]), Crops()
    for written in rows:
        for row in [written] if isinstance(written, BrokenRow) else written_out(written, folders):
            if isinstance(row, BrokenRow):
                crops.append(row)
                continue
            try:
                dataset = CellMapDataset(row.raw, row.labels or None, **options[row.usage])
            except ConfigurationError as error:
                crops.append(BrokenRow(row.place, str(error)))
            else:
                crops.append(Crop(row.usage, row.place, dataset))
    return crops
