"""The plugins of one loader."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pluggy

from cellmap_data import hookspecs
from cellmap_data.account import Account
from cellmap_data.errors import ConfigurationError, UnknownPluginError, message
from cellmap_data.plugins.base import CHANGES
from cellmap_data.plugins.binding import HOOKS
from cellmap_data.plugins.construction import author_of, construct
from cellmap_data.plugins.doubles import refuse_double
from cellmap_data.plugins.failures import FailurePolicy
from cellmap_data.plugins.inspection import Registered, examine, names_in
from cellmap_data.plugins.order_report import OrderReport, report
from cellmap_data.plugins.ordering import Snapshot, states_of
from cellmap_data.plugins.recipe import pack, unpack
from cellmap_data.plugins.recorder import Recorder
from cellmap_data.plugins.refusals import nearest, refusal
from cellmap_data.plugins.relay import PluginRelay, Switchboard
from cellmap_data.plugins.tracing import traced, wanted
from cellmap_data.plugins.worker_life import WorkerLife

__all__ = ["PluginManager"]


class PluginManager:
    """Holds plugins and calls their hooks: highest priority first, equal ones in the order of registration.

    There is no global one: :func:`cellmap_data.plugins.build_manager` makes one for each loader. Changes
    take effect from the next call of a hook. A manager may be used from any thread, and pickles with its
    plugins for worker processes.

    Attributes
    ----------
    relay
        Calls hooks; what a loader is given.
    recorder
        Counts what the plugins cost in this process.
    life
        What happened to the plugins in this process, if it is a worker.
    tracing
        Whether every call of a hook is told on stderr, with shapes and dtypes but without values; True from
        the start if CELLMAP_DATA_TRACE is set. Workers obey from their start on.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._plugins: tuple[Registered, ...] = ()
        self.recorder = Recorder()
        self._tracing = wanted()
        self._snapshot = Snapshot.of((), CHANGES.ticks, 0, self.recorder)
        self._boards: weakref.WeakSet[Any] = weakref.WeakSet()
        self.life = WorkerLife()
        self.relay = PluginRelay(self)

    def __reduce__(self) -> tuple[Callable[[bytes, bool], PluginManager], tuple[bytes, bool]]:
        return _rebuild, (pack(self._plugins), self._tracing)

    @property
    def tracing(self) -> bool:
        """Whether every call of a hook is told on stderr."""
        return self._tracing

    @tracing.setter
    def tracing(self, value: bool) -> None:
        with self._lock:
            self._tracing = bool(value)
            self._replace(self._plugins)

    def register_plugin(
        self,
        plugin: Any,
        *,
        name: str | None = None,
        priority: int | None = None,
        options: Mapping[str, Any] | None = None,
        before: str | Iterable[str] | None = None,
        after: str | Iterable[str] | None = None,
        on_error: str | FailurePolicy | None = None,
    ) -> str:
        """Add a plugin.

        Parameters
        ----------
        plugin
            A :class:`DataLoaderPlugin`; a module or an object with functions marked by ``hookimpl``; a class
            or a function that makes one of these.
        name
            What to call it; None for its own name.
        priority
            Its place in the order; None for its own.
        options
            Arguments for the class or function.
        before, after
            Names of plugins that it shall run before or after; None for its own wishes. Names that nobody
            has are ignored, see :meth:`order_report`.

        Returns
        -------
        str
            The name.

        Raises
        ------
        PluginRegistrationError
            When it is no plugin, one of its hooks cannot work, its name is taken, or ``before``
            and ``after`` go around in a circle.
        ConfigurationError
            When ``priority`` is no whole number or ``on_error`` no policy.
        """
        made = construct(plugin, author_of(plugin, name), options or {})
        examined = examine(made, author_of(made, name))
        if before is not None:
            examined = replace(examined, before=names_in(before, "before", examined.author))
        if after is not None:
            examined = replace(examined, after=names_in(after, "after", examined.author))
        if on_error is not None:
            examined = examined.failing(FailurePolicy.of(on_error))
        return self.add(examined, priority)

    def unregister_plugin(self, name: str) -> Any:
        """Take a plugin out and return it.

        Raises
        ------
        UnknownPluginError
            When there is none of that name.
        """
        with self._lock:
            leaving = self._find(name)
            self._replace(tuple(plugin for plugin in self._plugins if plugin is not leaving))
        return leaving.plugin

    def get_plugin(self, name: str) -> Any | None:
        """The plugin of that name; None if there is none."""
        return next((plugin.plugin for plugin in self._plugins if plugin.name == name), None)

    def list_plugins(self) -> list[str]:
        """The names of all plugins, enabled or not, in the order of registration."""
        return [plugin.name for plugin in self._plugins]

    def enable_plugin(self, name: str) -> None:
        """Let the hooks of a plugin run. Raises UnknownPluginError when there is none of that name."""
        self._find(name).controls.enable()

    def disable_plugin(self, name: str) -> None:
        """Skip the hooks of a plugin. Raises UnknownPluginError when there is none of that name."""
        self._find(name).controls.disable()

    def set_priority(self, name: str, priority: int) -> None:
        """Move a plugin in the order. Raises UnknownPluginError when there is none of that name."""
        self._find(name).controls.priority = priority

    def set_on_error(self, name: str, policy: str | FailurePolicy) -> None:
        """Say what happens when a plugin fails, see :class:`FailurePolicy`; in workers from the next epoch.

        Raises
        ------
        UnknownPluginError
            When there is none of that name.
        ConfigurationError
            When it is no policy.
        """
        with self._lock:
            changed = self._find(name)
            new = changed.failing(FailurePolicy.of(policy))
            self._replace(tuple(new if plugin is changed else plugin for plugin in self._plugins))

    def list_hooks(self) -> list[str]:
        """The names of all hooks."""
        return sorted(HOOKS)

    def call_order(self, hook: str) -> list[str]:
        """The names of the enabled plugins that answer a hook, in the order of the calls.

        Raises
        ------
        ConfigurationError
            When there is no such hook.
        """
        return [bound.author.plugin for bound in self.snapshot().order[_known(hook)]]

    def order_report(self) -> OrderReport:
        """For each hook who is called, in which order and why; and wishes about absent plugins."""
        snapshot = self.snapshot()
        return report(snapshot.arrangement, snapshot.order)

    def execute_hook(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook.

        Parameters
        ----------
        name
            The hook.
        *args, **kwargs
            Its arguments, in the order of ``cellmap_data.hookspecs`` or by name; those left out are None.

        Returns
        -------
        Any
            A chain hook gives the value as the plugins made it, a first-result hook the first answer or
            None, a notify hook None.

        Raises
        ------
        ConfigurationError
            When there is no such hook, or it has no such arguments.
        HookError
            When a plugin fails.
        """
        signature = inspect.signature(getattr(hookspecs, _known(name)))
        try:
            given = signature.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            expected = f"{name}({', '.join(HOOKS[name])})"
            raise ConfigurationError(
                message(f"{name} was called with wrong arguments", expected=expected, got=error)
            ) from error
        arguments = {argument: given.get(argument) for argument in HOOKS[name]}
        return getattr(self.relay, name)(**arguments)

    def snapshot(self) -> Snapshot:
        """The plugins as they are now."""
        current = self._snapshot
        return current if current.tick == CHANGES.ticks else self._refreshed()

    def take_account(self) -> Account:
        """What the plugins cost in this process since the last time, and where they failed."""
        return self.recorder.take()

    def publish(self, board: Switchboard) -> None:
        """Let a board show which plugins are on, from now on and for as long as it lives."""
        CHANGES.listen(self)
        self._boards.add(board)
        self.plugins_changed()

    def plugins_changed(self) -> None:
        """Bring boards up to date; called when any plugin of this process has been switched."""
        with self._lock:
            for board in list(self._boards):
                board.write(self.snapshot().switches)

    def switch(self, states: Sequence[bool]) -> None:
        """Enable and disable the plugins, given in the order of registration."""
        for plugin, state in zip(self._plugins, states, strict=True):
            plugin.controls.enabled = state
        self.life.catch_up(self.snapshot())

    def add(self, plugin: Registered, priority: int | None = None) -> str:
        """Add a plugin that was examined; see :meth:`register_plugin`."""
        with self._lock:
            refuse_double(plugin, self._plugins)
        if priority is not None:
            plugin.controls.priority = priority  # without the lock, for other managers may hear of it
        with self._lock:
            refuse_double(plugin, self._plugins)
            try:
                self._replace((*self._plugins, plugin))
            except pluggy.PluginValidationError as error:
                raise refusal(
                    plugin.author,
                    "is refused by pluggy",
                    expected="hookimpl with options that go together",
                    got=error,
                    hint="correct what is said to hookimpl",
                ) from error
        return plugin.name

    def _replace(self, plugins: tuple[Registered, ...]) -> None:
        """Compile first: if that fails, nothing has changed."""
        self._snapshot = self._compiled(plugins, CHANGES.ticks, self._snapshot.version + 1)
        self._plugins = plugins

    def _refreshed(self) -> Snapshot:
        with self._lock:
            tick = CHANGES.ticks  # read before the plugins are: what changes later makes it out of date
            known, (revisions, switches) = self._snapshot, states_of(self._plugins)
            if (revisions, switches) == (known.revisions, known.switches):
                self._snapshot = replace(known, tick=tick)
            else:
                version = known.version + (revisions != known.revisions)
                self._snapshot = self._compiled(self._plugins, tick, version)
            return self._snapshot

    def _compiled(self, plugins: tuple[Registered, ...], tick: int, version: int) -> Snapshot:
        if self._tracing:
            plugins = tuple(
                replace(plugin, hooks={hook: traced(bound) for hook, bound in plugin.hooks.items()})
                for plugin in plugins
            )
        return Snapshot.of(plugins, tick, version, self.recorder)

    def _find(self, name: str) -> Registered:
        for plugin in self._plugins:
            if plugin.name == name:
                return plugin
        raise UnknownPluginError(
            message(f"no plugin is named {name!r} here", hint=nearest(name, self.list_plugins()))
        )


def _known(hook: str) -> str:
    if hook not in HOOKS:
        raise ConfigurationError(message(f"there is no hook {hook!r}", hint=nearest(hook, HOOKS)))
    return hook


def _rebuild(packed: bytes, tracing: bool) -> PluginManager:
    manager = PluginManager()
    manager._tracing = tracing
    for plugin in unpack(packed):
        manager.add(plugin)
    return manager
