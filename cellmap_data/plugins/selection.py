"""Which plugins a loader has: discovered is not enabled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from importlib_metadata import EntryPoint

from cellmap_data.errors import CellMapDataError, ConfigurationError, UnknownPluginError, message
from cellmap_data.plugins.construction import construct
from cellmap_data.plugins.discovery import Catalogue, author_of_entry, installed, load, meant_by, only
from cellmap_data.plugins.environment import DISABLE_ALL, ENABLE, is_on
from cellmap_data.plugins.failures import FailurePolicy
from cellmap_data.plugins.inspection import Registered, examine
from cellmap_data.plugins.manager import PluginManager

__all__ = ["DEFAULT_PLUGINS", "Trial", "build_manager", "try_names"]

DEFAULT_PLUGINS = ("prefetch", "augmentation", "device_transfer", "memory_optimization")
"""What a loader has unless it is told otherwise, in the order of registration."""

_LEAVE_OUT = "no:"
_POLICY = "on_error"

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
        comes again adds to its options and keeps its place. The name of an installed distribution that
        offers one plugin stands for the name of its entry point. The option ``on_error`` is not the
        plugin's own: it is its :class:`~cellmap_data.plugins.FailurePolicy`, whatever the plugin is.
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
        When no installed plugin has a name; the message offers the nearest. When a name is that of a
        distribution that offers several plugins; the message lists them.
    PluginRegistrationError
        When a plugin cannot be imported or made, or is refused.
    ConfigurationError
        When options are no mapping, or ``on_error`` is no policy.
    """
    manager = PluginManager()
    if not is_on(DISABLE_ALL):
        _Wanted.by(selection, options or {}).register_in(manager)
    return manager


@dataclass(frozen=True, slots=True)
class Trial:
    """What :func:`build_manager` would make, as far as it can be made.

    Attributes
    ----------
    manager
        With the plugins that work.
    refused
        Name, or ``"no:name"`` -> why it would be an error.
    """

    manager: PluginManager
    refused: Mapping[str, CellMapDataError]


def try_names(names: Iterable[str] = ()) -> Trial:
    """Do as :func:`build_manager` does, but go on without what is refused."""
    manager = PluginManager()
    refused: dict[str, CellMapDataError] = {}

    @contextmanager
    def note(name: str) -> Iterator[None]:
        try:
            yield
        except CellMapDataError as error:
            refused.setdefault(name, error)

    if not is_on(DISABLE_ALL):
        _Wanted.by(names, {}, note).register_in(manager)
    return Trial(manager, refused)


@dataclass(frozen=True, slots=True)
class _Named:
    """A name as it was typed, and the options that came with it."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An entry point, and all options that came with its names."""

    entry: EntryPoint
    options: dict[str, Any]

    def examined(self) -> Registered:
        """Import it, make it and check it."""
        author, options = author_of_entry(self.entry), dict(self.options)
        policy = options.pop(_POLICY, None)
        plugin = examine(construct(load(self.entry), author, options), author)
        return plugin if policy is None else plugin.failing(FailurePolicy.of(policy))


_Guard = Callable[[str], AbstractContextManager[None]]
"""Is entered with a name for all that is done about it; it may keep what is raised."""


class _Wanted:
    """A selection: first read item by item, then looked up as a whole, and only then imported."""

    def __init__(self, defaults: Mapping[str, Options], guard: _Guard | None) -> None:
        self._defaults = defaults
        self._guard = guard or (lambda _: nullcontext())
        self._items: list[Any] = []  # what was named, and whatever else was handed in
        self._left_out: list[str] = []
        self._from_environment: set[str] = set()

    @classmethod
    def by(
        cls, selection: Iterable[Any] | str, options: Mapping[str, Options], guard: _Guard | None = None
    ) -> _Wanted:
        """Read a selection, then what the environment adds."""
        wanted = cls(options, guard)
        named = [name.strip() for name in os.environ.get(ENABLE, "").split(",") if name.strip()]
        for item in [*([selection] if isinstance(selection, str | Mapping) else selection), *named]:
            wanted.take(item)
        wanted._from_environment = {name.removeprefix(_LEAVE_OUT).strip() for name in named}
        return wanted

    def take(self, item: Any) -> None:
        """Read one item of the selection."""
        if isinstance(item, Mapping):
            for name, options in item.items():
                self._take_name(name, options)
        elif not isinstance(item, str):
            self._items.append(item)
        elif item.startswith(_LEAVE_OUT):
            self._left_out.append(item.removeprefix(_LEAVE_OUT).strip())
        else:
            self._take_name(item, {})

    def _take_name(self, name: str, options: Options | None) -> None:
        if not isinstance(name, str):
            rule = "a plugin is enabled by the name of its entry point"
            raise ConfigurationError(message(rule, expected="{name: options}", got=repr({name: options})))
        if not isinstance(options, Mapping | None):
            rule = f"the options of plugin {name!r} are no mapping"
            raise ConfigurationError(message(rule, expected="{option: value}", got=repr(options)))
        self._items.append(_Named(name, options or {}))

    def register_in(self, manager: PluginManager) -> None:
        """Import, make and register, in order."""
        for item in self._look_up():
            if isinstance(item, _Chosen):
                with self._guard(item.entry.name):
                    manager.roster.add(item.examined())
            else:
                manager.register_plugin(item)

    def _look_up(self) -> list[Any]:
        """The entry points that are meant, each once, between whatever was handed in."""
        catalogue = installed() if self._left_out or any(isinstance(i, _Named) for i in self._items) else {}
        left_out = self._look_up_left_out(catalogue)
        found: list[Any] = []
        chosen: dict[EntryPoint, _Chosen] = {}
        for item in self._items:
            if not isinstance(item, _Named):
                found.append(item)
                continue
            with self._guard(item.name):
                staying = [entry for entry in self._meant_by(item.name, catalogue) if entry not in left_out]
                if not staying:
                    continue
                entry = only(staying)
                if entry not in chosen:
                    chosen[entry] = _Chosen(entry, dict(self._defaults.get(entry.name, {})))
                    found.append(chosen[entry])
                chosen[entry].options.update(item.options)
        return found

    def _look_up_left_out(self, catalogue: Catalogue) -> list[EntryPoint]:
        """A misspelt name would leave nothing out, and nobody would notice: that is an error as well."""
        left_out: list[EntryPoint] = []
        for name in self._left_out:
            with self._guard(f"{_LEAVE_OUT}{name}"):
                left_out += self._meant_by(name, catalogue)
        return left_out

    def _meant_by(self, name: str, catalogue: Catalogue) -> Sequence[EntryPoint]:
        """As :func:`meant_by`; whoever misses a name should know that it is not in the program."""
        try:
            return meant_by(name, catalogue)
        except UnknownPluginError as error:
            if name in self._from_environment:
                error.add_note(f"{name!r} is named in the environment variable {ENABLE}")
            raise
