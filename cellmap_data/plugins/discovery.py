"""Installed plugins: entry points are listed, and only those that are asked for are imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from importlib_metadata import EntryPoint, entry_points
from packaging.utils import canonicalize_name

from cellmap_data.errors import UnknownPluginError, message
from cellmap_data.hookspecs import ENTRY_POINT_GROUP
from cellmap_data.plugins.binding import Author
from cellmap_data.plugins.refusals import nearest, refusal

__all__ = ["Catalogue", "author_of_entry", "find", "installed", "load", "meant_by", "only"]

Catalogue = Mapping[str, Sequence[EntryPoint]]
"""Name -> the entry points of that name; more than one is a conflict between distributions."""


def installed() -> Catalogue:
    """Every installed plugin; reads metadata and imports nothing."""
    catalogue: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        catalogue.setdefault(entry.name, []).append(entry)
    return catalogue


def meant_by(name: str, catalogue: Catalogue) -> Sequence[EntryPoint]:
    """The entry points of a name, or else the only one of the distribution that has the name.

    Distributions are compared as pip does: case, hyphens, underscores and dots make no difference. More than
    one entry point is a conflict, see :func:`only`.

    Raises
    ------
    UnknownPluginError
        When there is none, or it is a distribution that offers several plugins.
    """
    if name in catalogue:
        return catalogue[name]
    packages = _by_distribution(catalogue)
    offered = packages.get(canonicalize_name(name), [])
    if len(offered) == 1:
        return offered
    if not offered:
        place = f"entry points of the group {ENTRY_POINT_GROUP}"
        hint = nearest(name, [*catalogue, *(each for each, entries in packages.items() if len(entries) == 1)])
        hint += " ('cellmap-data plugins' lists what is installed)"
        raise UnknownPluginError(message(f"no plugin named {name!r} is installed", place=place, hint=hint))
    names = sorted(entry.name for entry in offered)
    raise UnknownPluginError(
        message(
            f"{name!r} is a distribution that offers several plugins",
            place=author_of_entry(offered[0]).distribution,
            expected="the name of a plugin, or of a distribution that offers one",
            got=", ".join(names),
            hint=f"name those you mean: plugins={names}",
        )
    )


def _by_distribution(catalogue: Catalogue) -> dict[str, list[EntryPoint]]:
    """Normalised name of each distribution -> its entry points."""
    packages: dict[str, list[EntryPoint]] = {}
    for entries in catalogue.values():
        for entry in entries:
            if entry.dist:
                packages.setdefault(canonicalize_name(entry.dist.name), []).append(entry)
    return packages


def find(name: str, catalogue: Catalogue) -> EntryPoint:
    """The one entry point that a name means; raises what :func:`meant_by` and :func:`only` raise."""
    return only(meant_by(name, catalogue))


def only(entries: Sequence[EntryPoint]) -> EntryPoint:
    """The entry point, if no other has its name.

    Raises
    ------
    PluginRegistrationError
        When several distributions offer a plugin of that name.
    """
    entry, *others = sorted(entries, key=lambda each: str(author_of_entry(each)))
    if others:
        got = "; ".join(str(author_of_entry(each)) for each in (entry, *others))
        raise refusal(
            author_of_entry(entry),
            "is offered more than once",
            expected="one distribution that has it",
            got=got,
            hint=_ways_to_one([entry, *others]),
        )
    return entry


def _ways_to_one(entries: Sequence[EntryPoint]) -> str:
    """How to end a conflict: one of them goes, or is named by its distribution, see :func:`meant_by`."""
    distributions = [entry.dist for entry in entries if entry.dist]
    hint = ", or: ".join(f"pip uninstall {each.name}" for each in distributions)
    names = [
        each.name for each in distributions if len(each.entry_points.select(group=ENTRY_POINT_GROUP)) == 1
    ]
    direct = " or ".join(f"plugins=[{name!r}]" for name in names if name != entries[0].name)
    return f"{hint}; to keep both, enable one by its distribution: {direct}" if direct else hint


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
