"""All the faults of one thing in one error, so that nobody has to find them one at a time."""

from __future__ import annotations

from collections.abc import Iterable

from cellmap_data.errors import CellMapDataError, message


def list_faults(faults: Iterable[str]) -> str:
    """The faults below each other, as a part of a message."""
    return "".join("\n    - " + fault.replace("\n", "\n      ") for fault in faults)


def raise_faults(
    kind: type[CellMapDataError], rule: str, faults: Iterable[str], *, place: str = "", hint: str = ""
) -> None:
    """Raise one error of ``kind`` that lists every fault; return if there is none."""
    found = list(faults)
    if found:
        raise kind(message(rule, place=place, got=list_faults(found), hint=hint))
