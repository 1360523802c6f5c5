"""One row for many crops: paths with wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cellmap_data.datasplit.rows import BrokenRow, Row
from cellmap_data.errors import ConfigurationError, StoreError, message
from cellmap_data.storage import Folders

_WILDCARD = re.compile(r"\*+|\?")
_ALL = "[*]"


def written_out(row: Row, folders: Folders) -> list[Row | BrokenRow]:
    """The rows that a row with wildcards stands for; one without stands for itself.

    ``*`` and ``?`` stand for text within one part of a path. From the left, and as long as the parts that
    have some are the same in both paths, they stand for the same text in both: ``*/a.zarr/em`` belongs to
    ``*/a.zarr/labels/crop*`` of the same folder. Further ones of raw must leave one volume for each crop.
    ``[*]`` in place of the classes means all that are there, and so does ``*`` as the last part of a label
    path.

    Parameters
    ----------
    row : Row
        As it was written.
    folders : Folders
        Asked for what there is.
    """
    if not (_has_wildcards(row.raw) or _has_wildcards(row.labels)):
        return [row]
    try:
        return list(_labelled(row, folders) if row.labels else _unlabelled(row, folders))
    except (ConfigurationError, StoreError) as error:
        return [BrokenRow(row.place, str(error))]


def _unlabelled(row: Row, folders: Folders) -> Iterator[Row]:
    for raw, _ in _matches(row.raw, folders):
        yield replace(row, raw=raw)


def _labelled(row: Row, folders: Folders) -> Iterator[Row]:
    folder, classes = _parted(row.labels)
    for crop, texts in _matches(folder, folders):
        raws = [raw for raw, _ in _matches(_filled(row.raw, folder, texts), folders)]
        if len(raws) > 1:
            raise ConfigurationError(
                message("Labels belong to one raw volume.", place=crop, expected=row.raw, got=", ".join(raws))
            )
        yield replace(row, raw=raws[0], labels=f"{crop}/{_named(classes, crop, folders)}")


def _has_wildcards(path: str) -> bool:
    """A question mark is part of a web address."""
    return "*" in path if path.startswith("http") else bool(_WILDCARD.search(path))


def _parted(labels: str) -> tuple[str, str]:
    """The folder of a crop, which may have wildcards, and what names its classes, which may not."""
    before, bracket, _ = labels.rstrip("/").partition("[")
    folder, _, begin = before.rpartition("/")
    classes = labels.rstrip("/")[len(folder) + 1 :] if bracket else begin.replace("*", _ALL)
    if _WILDCARD.search(classes.replace(_ALL, "")) or (not bracket and begin not in ("*", classes)):
        raise ConfigurationError(
            message("Classes have no wildcards.", expected="their names, or [*] for all", got=classes)
        )
    return folder, classes


def _named(classes: str, crop: str, folders: Folders) -> str:
    """What names the classes, with the names of all that a crop has in place of ``[*]``."""
    before, everything, after = classes.partition(_ALL)
    if not everything:
        return classes
    shape = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    names = [match[1] for name in folders.below(crop) if (match := shape.fullmatch(name))]
    if not names:
        raise StoreError(message("There are no labels.", place=f"{crop}/{classes}"))
    return f"{before}[{','.join(names)}]{after}"


def _filled(raw: str, folder: str, texts: tuple[str, ...]) -> str:
    """The raw path, with the texts that its wildcards share with those of the folder of the labels."""
    known = iter(texts)
    wild = iter(part for part in folder.split("/") if _WILDCARD.search(part))
    parts = raw.split("/")
    for number, part in enumerate(parts):
        if not _WILDCARD.search(part):
            continue
        if next(wild, None) != part:
            break
        parts[number] = _WILDCARD.sub(lambda _: next(known), part)
    return "/".join(parts)


def _matches(pattern: str, folders: Folders) -> list[tuple[str, tuple[str, ...]]]:
    """The folders that a pattern means, and the texts that its wildcards stand for; at least one.

    Without a wildcard it means itself, whether that is there or not.

    Raises
    ------
    StoreError
        If nothing is there that it could mean.
    """
    found: list[tuple[str, tuple[str, ...]]] = [("", ())]
    for number, part in enumerate(pattern.split("/")):
        slash = "/" if number else ""
        if not _WILDCARD.search(part):
            found = [(f"{place}{slash}{part}", texts) for place, texts in found]
            continue
        shape = re.compile(_WILDCARD.sub(lambda w: "(.)" if w[0] == "?" else "(.*)", _escaped(part)))
        found = [
            (f"{place}{slash}{name}", (*texts, *match.groups()))
            for place, texts in found
            for name in folders.below(place or ("/" if number else "."))
            if (match := shape.fullmatch(name))
        ]
    if _WILDCARD.search(pattern):
        found = [one for one in found if _is_there(one[0], folders)]
    if not found:
        raise StoreError(message("Nothing is there that a path with wildcards could mean.", place=pattern))
    return found


def _escaped(part: str) -> str:
    return "".join(char if char in "*?" else re.escape(char) for char in part)


def _is_there(place: str, folders: Folders) -> bool:
    parent, _, name = place.rpartition("/")
    return name in folders.below(parent or ".")
