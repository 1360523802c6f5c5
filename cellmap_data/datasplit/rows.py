"""One row of a split, as its user wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cellmap_data.errors import ConfigurationError, message

Usage: TypeAlias = Literal["train", "validate"]
USAGES: tuple[Usage, ...] = ("train", "validate")

_SPELLINGS: Mapping[str, Usage] = {
    "train": "train",
    "training": "train",
    "val": "validate",
    "valid": "validate",
    "validate": "validate",
    "validation": "validate",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One crop of a split.

    Attributes
    ----------
    usage : {"train", "validate"}
        What it is for.
    raw : str
        Path of the raw volume.
    labels : str
        Path of the labels, as a dataset takes it; empty for raw only.
    place : str
        Where the row stands, for messages.
    """

    usage: Usage
    raw: str
    labels: str
    place: str


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be used, and why.

    Attributes
    ----------
    place : str
        Where the row stands.
    why : str
        What is wrong with it, all of it.
    """

    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


Rows: TypeAlias = list[Row | BrokenRow]


def usage_of(name: Any) -> Usage:
    """What a name of a split means; ConfigurationError if nobody knows."""
    usage = _SPELLINGS.get(str(name).strip().lower())
    if usage is None:
        known = "train or validate (training, val, valid and validation too)"
        raise ConfigurationError(message("Unknown split.", expected=known, got=repr(name)))
    return usage


def read_dict(given: Mapping[str, Sequence[Mapping[str, Any]]]) -> Rows:
    """The rows of ``{"train": [{"raw": path, "gt": path}], "validate": [...]}``."""
    return [row for name, entries in given.items() for row in _entries(name, entries)]


def _entries(name: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[Row | BrokenRow]:
    try:
        usage = usage_of(name)
    except ConfigurationError as error:
        yield BrokenRow("dataset_dict", str(error))
        return
    for number, entry in enumerate(entries):
        place = f"dataset_dict[{name!r}][{number}]"
        known = isinstance(entry, Mapping) and set(entry) <= {"raw", "gt"}
        if known and entry.get("raw"):
            yield Row(usage, str(entry["raw"]), str(entry.get("gt") or ""), place)
        else:
            yield BrokenRow(place, f'expected {{"raw": path, "gt": path}}, got {entry!r}')
