"""All the faults of one thing in one error, so that nobody has to find them one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cellmap_data.errors import CellMapDataError, MetadataError, StoreError, StoreNotFoundError, message


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


def raise_together(errors: Sequence[StoreError], rule: str, *, place: str = "") -> None:
    """Raise what is wrong with several stored things, all of it; return if there is nothing.

    Raises
    ------
    StoreError
        The only one, else one that lists them: StoreNotFoundError where all of them are, MetadataError
        where all of them are.
    """
    different = list({str(error): error for error in errors}.values())
    if len(different) == 1:
        raise different[0]
    kinds = {type(error) for error in different}
    kind = next((k for k in (StoreNotFoundError, MetadataError) if kinds == {k}), StoreError)
    raise_faults(kind, rule, map(str, different), place=place)
