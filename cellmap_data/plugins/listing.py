"""What is installed, broken or not."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

from importlib_metadata import EntryPoint

from cellmap_data.errors import CellMapDataError
from cellmap_data.plugins.binding import Author
from cellmap_data.plugins.construction import construct
from cellmap_data.plugins.discovery import author_of_entry, find, installed, load
from cellmap_data.plugins.inspection import examine
from cellmap_data.plugins.options import model_of, required_by

__all__ = ["InstalledPlugin", "installed_plugins", "survey"]

_warned: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One entry point, and what is behind it.

    Attributes
    ----------
    name
        What it is enabled by.
    distribution, version
        What it was installed by.
    hooks
        The hooks that it answers, sorted.
    priority
        Its number; None where it cannot be known.
    needs
        Options that it cannot be made without; what it answers is then unknown.
    broken
        Why it cannot be used, in full; empty if it can.
    """

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...] = ()
    priority: int | None = None
    needs: tuple[str, ...] = ()
    broken: str = ""


def installed_plugins() -> list[InstalledPlugin]:
    """Every installed plugin, sorted by name; a broken one is listed with the reason and stops nothing.

    All of them are imported and made, as enabling them would.

    Warns
    -----
    RuntimeWarning
        For each broken plugin, once in the life of the process.
    """
    found = survey()
    for plugin in found:
        identity = (plugin.name, plugin.distribution)
        if plugin.broken and identity not in _warned:
            _warned.add(identity)
            warnings.warn(plugin.broken, RuntimeWarning, stacklevel=2)
    return found


def survey() -> list[InstalledPlugin]:
    """The same without a word, for whoever shows the reasons."""
    catalogue = installed()
    found = []
    for name in sorted(catalogue):
        try:
            find(name, catalogue)
        except CellMapDataError as error:  # offered by several: each is shown
            found += [_described(entry, broken=str(error)) for entry in catalogue[name]]
        else:
            found += [_look_at(entry) for entry in catalogue[name]]
    return found


def _look_at(entry: EntryPoint) -> InstalledPlugin:
    author = author_of_entry(entry)
    try:
        source = load(entry)
        needs = _required(source, author)
        if needs:
            return _described(entry, needs=needs)
        registered = examine(construct(source, author, {}), author)
    except CellMapDataError as error:
        return _described(entry, broken=str(error))
    hooks = tuple(sorted(registered.hooks))
    return _described(entry, hooks=hooks, priority=registered.controls.priority)


def _described(entry: EntryPoint, **parts: Any) -> InstalledPlugin:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return InstalledPlugin(entry.name, name, version, **parts)


def _required(source: Any, author: Author) -> tuple[str, ...]:
    """What has no default: of the options model, or the parameters of a class or function."""
    if not isinstance(source, type) and not inspect.isroutine(source):
        return ()
    model = model_of(source, author)
    if model:
        return required_by(model)
    try:
        parameters = inspect.signature(source).parameters.values()
    except (TypeError, ValueError):
        return ()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.kind in named and p.default is p.empty)
