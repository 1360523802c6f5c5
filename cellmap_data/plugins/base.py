"""The base class of plugins, and what every plugin has: a priority and a switch."""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, SupportsIndex

from cellmap_data.config import counted
from cellmap_data.errors import ConfigurationError, message

__all__ = ["CHANGES", "Controls", "DataLoaderPlugin"]


class Listener(Protocol):
    """Wants to know of changes at once."""

    def plugins_changed(self) -> None:
        """Some plugin of this process was switched or moved."""


class _Clock:
    """Ticks whenever any plugin of this process is switched or moved.

    Managers compare one number in every hook call instead of asking each plugin, and plugins know no
    manager, so that nothing but themselves is pickled with them. Who cannot wait for a call listens.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self._lock = threading.RLock()  # a finalizer may switch a plugin, in the middle of a tick
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every change, for as long as it lives."""
        with self._lock:
            self._listeners.add(listener)

    def tick(self) -> None:
        """Let time pass."""
        with self._lock:
            self.ticks += 1
            listeners = list(self._listeners)
        for listener in listeners:
            listener.plugins_changed()


CHANGES = _Clock()


class Controls:
    """A priority and a switch.

    Attributes
    ----------
    revision
        A number that grows with every change but that of the switch, for whoever made a copy.
    """

    revision = 0
    _priority = 0
    _enabled = True

    @property
    def priority(self) -> int:
        """Place in the order of plugins: higher first."""
        return self._priority

    @priority.setter
    def priority(self, value: SupportsIndex) -> None:
        number = counted("the priority of a plugin", value, None)
        if number != self._priority:
            self._priority = number
            self.changed()

    @property
    def enabled(self) -> bool:
        """Whether hooks run; assigning is the same as ``enable()`` and ``disable()``."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if bool(value) != self._enabled:
            self._enabled = bool(value)
            CHANGES.tick()

    def enable(self) -> None:
        """Let the hooks run, from the next batch on whose reading has not begun."""
        self.enabled = True

    def disable(self) -> None:
        """Skip the hooks, from the next batch on whose reading has not begun."""
        self.enabled = False

    def changed(self) -> None:
        """Say that copies of this plugin are out of date: workers get a new one before the next epoch."""
        self.revision += 1
        CHANGES.tick()  # last: whoever sees the new time sees the change as well


class DataLoaderPlugin(Controls, ABC):
    """A plugin as a class that says which of its methods answer which hook.

    A method names the arguments of its hook that it wants, in any order, or takes ``**kwargs`` and gets all
    of them. ``cellmap_data.hookspecs`` describes each hook. The other way to write a plugin is any class or
    module with functions marked by ``hookimpl``.

    Parameters
    ----------
    name
        What the plugin is called in messages and by ``get_plugin``. One that is enabled by its entry point
        goes by the name of that instead.
    priority
        Higher runs first; equal ones run in the order of registration.

    Raises
    ------
    ConfigurationError
        When the name is no text or the priority no whole number.

    Examples
    --------
    ::

        class Brighten(DataLoaderPlugin):
            def __init__(self):
                super().__init__("brighten", priority=75)

            def get_hook_methods(self):
                return {"post_sample": "brighten"}

            def brighten(self, sample, **kwargs):
                sample["raw"] = sample["raw"] * 1.1
                return sample
    """

    def __init__(self, name: str, priority: int = 0) -> None:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(message("a plugin needs a name", expected="text", got=repr(name)))
        self.name = name
        self.priority = priority

    @abstractmethod
    def get_hook_methods(self) -> Mapping[str, str]:
        """Name the hooks that are answered, and for each the method that does it.

        Returns
        -------
        Mapping
            Hook name -> method name.
        """
