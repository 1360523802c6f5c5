"""Which plugins a loader has: discovered is not enabled."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.plugins.construction import construct
from cellmap_data.plugins.discovery import author_of_entry, find, installed, load
from cellmap_data.plugins.inspection import examine
from cellmap_data.plugins.manager import PluginManager
from cellmap_data.plugins.relay import PluginRelay

__all__ = ["build_manager", "environment_hooks"]

_ENABLE = "CELLMAP_DATA_PLUGINS"
_DISABLE_ALL = "CELLMAP_DATA_DISABLE_PLUGINS"
_LEAVE_OUT = "no:"

Options = Mapping[str, Any]


def build_manager(
    selection: Iterable[Any] | str = (), options: Mapping[str, Options] | None = None
) -> PluginManager:
    """Make a manager with the plugins that were asked for; only these are imported.

    Parameters
    ----------
    selection
        In the order of registration: names of entry points, ``{name: options}`` to pass options, plugins as
        objects, classes or modules. ``"no:name"`` leaves an entry point out, wherever it stands. A name that
        comes again adds to its options and keeps its place.
    options
        Options by entry-point name, used for those that are selected; the ones in ``selection`` win.

    Returns
    -------
    PluginManager
        With the plugins of ``selection``, then those that the environment variable CELLMAP_DATA_PLUGINS
        names, separated by commas. Empty if CELLMAP_DATA_DISABLE_PLUGINS is set to 1.

    Raises
    ------
    UnknownPluginError
        When no installed plugin has a name; the message offers the nearest.
    PluginRegistrationError
        When a plugin cannot be imported or made, or is refused.
    ConfigurationError
        When options are no mapping.
    """
    manager = PluginManager()
    if os.environ.get(_DISABLE_ALL, "").strip().lower() not in ("", "0", "false", "no"):
        return manager
    named = [name.strip() for name in os.environ.get(_ENABLE, "").split(",") if name.strip()]
    wanted = _Wanted(options or {})
    for item in [*([selection] if isinstance(selection, str | Mapping) else selection), *named]:
        wanted.take(item)
    wanted.register_in(manager)
    return manager


@functools.cache
def environment_hooks() -> PluginRelay:
    """The hooks of the plugins that the environment names, made once for each process; for the command line.

    Nobody else has the manager behind it, so it stays as it is.
    """
    return build_manager().relay


class _Wanted:
    """A selection as it is read, item by item."""

    def __init__(self, defaults: Mapping[str, Options]) -> None:
        self._defaults = defaults
        self._order: list[Any] = []  # names, and whatever else was handed in
        self._options: dict[str, dict[str, Any]] = {}
        self._left_out: list[str] = []

    def take(self, item: Any) -> None:
        """Read one item of the selection."""
        if isinstance(item, Mapping):
            for name, options in item.items():
                self._take_name(name, options)
        elif not isinstance(item, str):
            self._order.append(item)
        elif item.startswith(_LEAVE_OUT):
            self._left_out.append(item.removeprefix(_LEAVE_OUT).strip())
        else:
            self._take_name(item, {})

    def _take_name(self, name: str, options: Options | None) -> None:
        if not isinstance(options, Mapping | None):
            rule = f"the options of plugin {name!r} are no mapping"
            raise ConfigurationError(message(rule, expected="{option: value}", got=repr(options)))
        if name not in self._options:
            self._order.append(name)
            self._options[name] = dict(self._defaults.get(name, {}))
        self._options[name].update(options or {})

    def register_in(self, manager: PluginManager) -> None:
        """Import, make and register, in order."""
        catalogue = installed() if self._options or self._left_out else {}
        for name in self._left_out:
            find(name, catalogue)  # a misspelt name would leave nothing out, and nobody would notice
        for item in self._order:
            if not isinstance(item, str):
                manager.register_plugin(item)
            elif item not in self._left_out:
                entry = find(item, catalogue)
                author = author_of_entry(entry)
                manager.add(examine(construct(load(entry), author, self._options[item]), author))
