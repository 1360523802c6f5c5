"""Installed plugins: entry points are listed, and only those that are asked for are imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from importlib_metadata import EntryPoint, entry_points

from cellmap_data.errors import UnknownPluginError, message
from cellmap_data.hookspecs import ENTRY_POINT_GROUP
from cellmap_data.plugins.binding import Author
from cellmap_data.plugins.refusals import nearest, refusal

__all__ = ["Catalogue", "author_of_entry", "find", "installed", "load"]

Catalogue = Mapping[str, Sequence[EntryPoint]]
"""Name -> the entry points of that name; more than one is a conflict between distributions."""


def installed() -> Catalogue:
    """Every installed plugin; reads metadata and imports nothing."""
    catalogue: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        catalogue.setdefault(entry.name, []).append(entry)
    return catalogue


def find(name: str, catalogue: Catalogue) -> EntryPoint:
    """The entry point of a name.

    Raises
    ------
    UnknownPluginError
        When there is none.
    PluginRegistrationError
        When several distributions offer it.
    """
    if name not in catalogue:
        place = f"entry points of the group {ENTRY_POINT_GROUP}"
        raise UnknownPluginError(
            message(f"no plugin named {name!r} is installed", place=place, hint=nearest(name, catalogue))
        )
    entry, *others = sorted(catalogue[name], key=lambda each: str(author_of_entry(each)))
    if others:
        got = "; ".join(str(author_of_entry(each)) for each in (entry, *others))
        names = " or ".join(each.dist.name for each in (entry, *others) if each.dist)
        raise refusal(
            author_of_entry(entry),
            "is offered more than once",
            expected="one distribution that has it",
            got=got,
            hint=f"pip uninstall {names}: one of them must go",
        )
    return entry


def load(entry: EntryPoint) -> Any:
    """Import what an entry point names.

    Raises
    ------
    PluginRegistrationError
        When the import fails, for whatever reason.
    """
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        repair = f"pip install --force-reinstall {entry.dist.name}" if entry.dist else "reinstall it"
        raise refusal(
            author_of_entry(entry),
            "cannot be imported",
            expected=f"what its entry point names: {entry.value}",
            got=f"{type(error).__name__}: {error}",
            hint=f"{repair}, or leave the plugin out: 'no:{entry.name}'",
        ) from error


def author_of_entry(entry: EntryPoint) -> Author:
    """Whom to blame for an installed plugin, which goes by the name of its entry point."""
    distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return Author(entry.name, entry.value, distribution)
