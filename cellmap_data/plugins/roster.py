"""The plugins of one manager as they stand, in this process and in those that follow it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import pluggy

from cellmap_data.account import Account
from cellmap_data.errors import UnknownPluginError, message
from cellmap_data.plugins.base import CHANGES
from cellmap_data.plugins.doubles import refuse_double
from cellmap_data.plugins.environment import TRACE, is_on
from cellmap_data.plugins.inspection import Registered
from cellmap_data.plugins.ordering import Snapshot, states_of
from cellmap_data.plugins.recipe import pack, unpack
from cellmap_data.plugins.recorder import Recorder
from cellmap_data.plugins.refusals import nearest, refusal
from cellmap_data.plugins.tracing import traced
from cellmap_data.plugins.worker_life import WorkerLife

__all__ = ["Roster", "Switchboard"]


class Switchboard(Protocol):
    """Tells other processes which plugins are on, one flag for each in the order of registration."""

    def write(self, states: Sequence[bool]) -> None:
        """Show these states from now on."""

    def read(self) -> Sequence[bool] | None:
        """The states; None if nothing was written since this process last read them."""


class Roster:
    """Who is registered, and snapshots of it to call hooks on; used from any thread.

    It pickles with its plugins. What arrives in another process has copies of them, which follow a
    switchboard.

    Attributes
    ----------
    plugins
        In the order of registration.
    recorder
        Counts what the plugins cost in this process.
    life
        What happened to the plugins in this process, if it is a worker.
    """

    def __init__(self, tracing: bool | None = None) -> None:
        self._lock = threading.RLock()
        self._tracing = is_on(TRACE) if tracing is None else tracing
        self.plugins: tuple[Registered, ...] = ()
        self.recorder = Recorder()
        self.life = WorkerLife()
        self._snapshot = Snapshot.of((), CHANGES.ticks, 0, self.recorder)
        self._boards: weakref.WeakKeyDictionary[Switchboard, Sequence[Registered]]
        self._boards = weakref.WeakKeyDictionary()

    def __reduce__(self) -> tuple[Callable[[bytes, bool], Roster], tuple[bytes, bool]]:
        return _rebuild, (pack(self.plugins), self._tracing)

    @property
    def names(self) -> list[str]:
        """The names of all plugins, in the order of registration."""
        return [plugin.name for plugin in self.plugins]

    def find(self, name: str) -> Registered:
        """The plugin of a name.

        Raises
        ------
        UnknownPluginError
            When there is none.
        """
        for plugin in self.plugins:
            if plugin.name == name:
                return plugin
        raise UnknownPluginError(message(f"no plugin is named {name!r} here", hint=nearest(name, self.names)))

    def add(self, plugin: Registered, priority: int | None = None) -> None:
        """Register a plugin that was examined.

        Raises
        ------
        PluginRegistrationError
            When it is there already, its name is taken, pluggy refuses it, or it closes a circle of wishes.
        """
        with self._lock:
            refuse_double(plugin, self.plugins)
        if priority is not None:
            plugin.controls.priority = priority  # without the lock, for other rosters may hear of it
        with self._lock:
            refuse_double(plugin, self.plugins)
            try:
                self._replace((*self.plugins, plugin))
            except pluggy.PluginValidationError as error:
                raise refusal(
                    plugin.author,
                    "is refused by pluggy",
                    expected="hookimpl with options that go together",
                    got=error,
                    hint="correct what is said to hookimpl",
                ) from error

    def remove(self, name: str) -> Registered:
        """Take a plugin out; UnknownPluginError when there is none of that name."""
        with self._lock:
            leaving = self.find(name)
            self._replace(tuple(plugin for plugin in self.plugins if plugin is not leaving))
        self.recorder.forget(name)
        return leaving

    def change(self, name: str, change: Callable[[Registered], Registered]) -> None:
        """Put another record in the place of a plugin's; UnknownPluginError when there is none."""
        with self._lock:
            old = self.find(name)
            new = change(old)
            self._replace(tuple(new if plugin is old else plugin for plugin in self.plugins))

    @property
    def tracing(self) -> bool:
        """Whether every call of a hook is told on stderr."""
        return self._tracing

    @tracing.setter
    def tracing(self, value: bool) -> None:
        with self._lock:
            self._tracing = bool(value)
            self._replace(self.plugins)

    def snapshot(self) -> Snapshot:
        """The plugins as they are now."""
        current = self._snapshot
        return current if current.tick == CHANGES.ticks else self._refreshed()

    def take_account(self) -> Account:
        """What the plugins cost in this process since the last time, and where they failed."""
        return self.recorder.take()

    def publish(self, board: Switchboard) -> None:
        """Let a board show which of the plugins of this moment are on, for as long as it lives."""
        CHANGES.listen(self)
        with self._lock:
            self._boards[board] = self.plugins
        self.plugins_changed()

    def plugins_changed(self) -> None:
        """Bring boards up to date; called when any plugin of this process has been switched."""
        with self._lock:
            for board, plugins in list(self._boards.items()):
                board.write([plugin.controls.enabled for plugin in plugins])

    def follow(self, board: Switchboard) -> None:
        """Switch the plugins of this process as a board says."""
        states = board.read()
        if states is not None:
            for plugin, state in zip(self.plugins, states, strict=True):
                plugin.controls.enabled = state
            self.life.catch_up(self.snapshot())

    def _replace(self, plugins: tuple[Registered, ...]) -> None:
        """Compile first: if that fails, nothing has changed."""
        self._snapshot = self._compiled(plugins, CHANGES.ticks, self._snapshot.version + 1)
        self.plugins = plugins

    def _refreshed(self) -> Snapshot:
        with self._lock:
            tick = CHANGES.ticks  # read before the plugins are: what changes later makes it out of date
            known, (revisions, switches) = self._snapshot, states_of(self.plugins)
            if (revisions, switches) == (known.revisions, known.switches):
                self._snapshot = replace(known, tick=tick)
            else:
                version = known.version + (revisions != known.revisions)
                self._snapshot = self._compiled(self.plugins, tick, version)
            return self._snapshot

    def _compiled(self, plugins: tuple[Registered, ...], tick: int, version: int) -> Snapshot:
        if self._tracing:
            plugins = tuple(
                replace(plugin, hooks={hook: traced(bound) for hook, bound in plugin.hooks.items()})
                for plugin in plugins
            )
        return Snapshot.of(plugins, tick, version, self.recorder)


def _rebuild(packed: bytes, tracing: bool) -> Roster:
    roster = Roster(tracing)
    for plugin in unpack(packed):
        roster.add(plugin)
    return roster
