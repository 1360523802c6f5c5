"""Make the table of a split from folders of volumes."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from cellmap_data.config import raise_faults
from cellmap_data.datasplit.leaks import inside, overlaps
from cellmap_data.datasplit.rows import BrokenRow, Row, Usage
from cellmap_data.datasplit.scanning import FoundCrop, find_crops
from cellmap_data.errors import ConfigurationError, OutputExistsError, SplitError, StoreError, message
from cellmap_data.image import CellMapImage
from cellmap_data.storage import is_remote, local_path

Place: TypeAlias = "str | os.PathLike[str]"

_FINEST = (1e-9,) * 3  # nm: finer than any level, so that the finest is looked at


@dataclass(frozen=True, slots=True)
class Made:
    """What :func:`make_datasplit` has made.

    Attributes
    ----------
    path : str
        The table.
    rows : tuple of Row
        What is written there.
    left_out : tuple of BrokenRow
        Crops that were found and are not written, and why.
    """

    path: str
    rows: tuple[Row, ...]
    left_out: tuple[BrokenRow, ...]

    def of(self, usage: Usage) -> list[Row]:
        """The rows of one use."""
        return [row for row in self.rows if row.usage == usage]


def make_datasplit(
    folders: Place | Iterable[Place],
    csv_path: Place = "datasplit.csv",
    *,
    classes: Sequence[str] | None = None,
    validation_fraction: float = 0.2,
    seed: int = 0,
    raw: str | None = None,
    overwrite: bool = False,
) -> Made:
    """Find the crops in folders of volumes, give each its use, and write the table of a split.

    The use of a crop follows from the seed and its path, so it stays the same wherever the folders lie, and
    mostly when crops come and go. Crops that overlap in one raw volume have the same use.

    Parameters
    ----------
    folders : path or iterable of paths
        Where to look, see :func:`~cellmap_data.datasplit.scanning.find_crops`.
    csv_path : path
        The table; it has no header, paths are absolute.
    classes : sequence of str, optional
        Those to list; crops with none of them are left out. None for all that there are.
    validation_fraction : float
        How many of the crops shall be for validation, from 0 to 1: between the two some, and not all.
    seed : int
        Another one gives crops another use.
    raw : str, optional
        How the paths of raw volumes end, such as "em/fibsem-uint8".
    overwrite : bool
        Replace a table that is there.

    Raises
    ------
    ConfigurationError
        If the fraction cannot be right, or a folder is not there, on this machine.
    OutputExistsError
        If there is a file of that name, and ``overwrite`` is not set.
    SplitError
        If no crop can be written; lists those that were found.
    StoreError
        If a volume cannot be read.
    """
    path = os.fspath(csv_path)
    _check(validation_fraction, path, overwrite)
    given = [folders] if isinstance(folders, str | os.PathLike) else folders
    roots = [_root(os.fspath(folder)) for folder in given]
    names: dict[str, str] = {}
    crops: list[FoundCrop] = []
    for root in roots:
        for crop in find_crops(root, raw):
            names.setdefault(crop.folder, os.path.relpath(crop.folder, root))
            crops += [crop] if crop not in crops else []
    usable, left_out = _usable(crops, classes)
    if not usable:
        faults = [*map(str, left_out)] or [f"no labels in {', '.join(roots)}"]
        raise_faults(SplitError, "There is nothing to split.", faults)
    uses = _uses(usable, names, validation_fraction, seed)
    rows = tuple(Row(uses[crop.folder], crop.raw, crop.labels, crop.folder) for crop in usable)
    _write(path, rows)
    return Made(path, rows, tuple(left_out))


def _root(folder: str) -> str:
    if is_remote(folder):
        rule = "Crops are looked for on this machine."
        hint = "write the table out; paths in it may have wildcards, and be anywhere"
        raise ConfigurationError(message(rule, got=folder, hint=hint))
    root = os.path.abspath(local_path(folder))
    if not os.path.isdir(root):
        raise ConfigurationError(message("Crops are looked for in folders.", got=f"no folder {root}"))
    return root


def _check(fraction: float, path: str, overwrite: bool) -> None:
    if not 0 <= fraction <= 1:
        rule = "A fraction of the crops is for validation."
        raise ConfigurationError(message(rule, expected="0 to 1", got=fraction))
    if os.path.lexists(path) and not overwrite:
        rule = "There is a file already."
        hint = "choose another name, or replace it: overwrite=True, --overwrite on the command line"
        raise OutputExistsError(message(rule, place=path, hint=hint))


def _usable(
    crops: Iterable[FoundCrop], classes: Sequence[str] | None
) -> tuple[list[FoundCrop], list[BrokenRow]]:
    usable, left_out = [], []
    for crop in crops:
        listed = tuple(name for name in crop.classes if classes is None or name in classes)
        if not listed:
            left_out.append(BrokenRow(crop.folder, f"none of these classes, but {', '.join(crop.classes)}"))
        elif not crop.raw:
            left_out.append(BrokenRow(crop.folder, crop.why))
        else:
            usable.append(FoundCrop(crop.folder, listed, crop.raw))
    return usable, left_out


def _uses(
    crops: Sequence[FoundCrop], names: Mapping[str, str], fraction: float, seed: int
) -> dict[str, Usage]:
    """The use of each crop; those that overlap are taken together, in an order by chance, while they fit."""

    def chance(group: Sequence[FoundCrop]) -> str:
        return min(hashlib.sha256(f"{seed} {names[crop.folder]}".encode()).hexdigest() for crop in group)

    groups, missing = sorted(_together(crops), key=chance), round(fraction * len(crops))
    if 0 < fraction < 1 and len(groups) > 1:
        missing = min(max(missing, min(map(len, groups))), len(crops) - 1)
    uses: dict[str, Usage] = {crop.folder: "train" for crop in crops}
    for group in groups:
        if len(group) <= missing:
            uses |= {crop.folder: "validate" for crop in group}
            missing -= len(group)
    return uses


def _together(crops: Sequence[FoundCrop]) -> list[list[FoundCrop]]:
    """The crops in groups, so that those of different groups do not overlap."""
    by_raw: dict[str, list[FoundCrop]] = {}
    for crop in crops:
        by_raw.setdefault(os.path.realpath(crop.raw), []).append(crop)
    return [group for members in by_raw.values() for group in _overlapping(members)]


def _overlapping(members: Sequence[FoundCrop]) -> list[list[FoundCrop]]:
    if len(members) == 1:
        return [list(members)]
    boxes = np.stack([_box(crop) for crop in members])
    group = list(range(len(members)))

    def first(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for i, j in overlaps(boxes, boxes):
        group[max(first(i), first(j))] = min(first(i), first(j))
    found: dict[int, list[FoundCrop]] = {}
    for i, crop in enumerate(members):
        found.setdefault(first(i), []).append(crop)
    return list(found.values())


def _box(crop: FoundCrop) -> np.ndarray:
    """The space that the labels of a crop cover, all classes together."""
    stored = [
        CellMapImage(f"{crop.folder}/{name}", name, _FINEST, (1, 1, 1)).stored.source.lattice
        for name in crop.classes
    ]
    boxes = np.stack([inside(lattice.bounding_box, lattice.voxel) for lattice in stored])
    return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])


def _write(path: str, rows: Sequence[Row]) -> None:
    """Write the table beside its place and then move it there: nobody finds half of it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [row.usage, *_parted(row.raw), *_parted(row.labels)] for row in rows
    )
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        with open(unfinished, "x", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        os.replace(unfinished, path)
    except OSError as error:
        rule = "The table of a split cannot be written."
        hint = "make the folder that it goes to first" if isinstance(error, FileNotFoundError) else ""
        raise StoreError(message(rule, place=path, got=error.strerror, hint=hint)) from error


def _parted(path: str) -> tuple[str, str]:
    """A path as the store and what lies in it, which ends at the first part that ends with ".zarr"."""
    parts = path.split("/")
    end = next((i for i, part in enumerate(parts) if part.endswith(".zarr")), None)
    end = len(parts) - 2 if end is None else end
    return "/".join(parts[: end + 1]), "/".join(parts[end + 1 :])
