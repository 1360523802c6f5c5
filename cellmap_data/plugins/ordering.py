"""The order of calls: pluggy, bound to priorities, and what is compiled from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from cellmap_data import hookspecs
from cellmap_data.hookspecs import CHAIN_HOOKS
from cellmap_data.plugins.arrangement import Arrangement, arrange
from cellmap_data.plugins.binding import HOOKS, BoundHook
from cellmap_data.plugins.inspection import Registered

__all__ = ["OrderedManager", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The plugins as they stood at one moment; a call that has begun finishes with it.

    Attributes
    ----------
    tick
        The time when it was last known to be up to date.
    version
        A number that grows whenever the plugins change.
    revisions
        One of each plugin, enabled or not.
    manager
        The enabled plugins; it runs notify and first-result hooks.
    order
        Hook name -> what answers it, in the order of the calls.
    chains
        The same for chain hooks, each with its function at hand.
    arrangement
        All plugins in one order, and what moved them away from their numbers.
    """

    tick: int
    version: int
    revisions: tuple[int, ...]
    manager: OrderedManager
    order: Mapping[str, tuple[BoundHook, ...]]
    chains: Mapping[str, tuple[tuple[Callable[..., Any], BoundHook], ...]]
    arrangement: Arrangement

    @classmethod
    def of(cls, plugins: Sequence[Registered], tick: int, version: int) -> Snapshot:
        """Compile ``plugins``, given in the order of registration."""
        revisions = tuple(plugin.controls.revision for plugin in plugins)
        arrangement = arrange(plugins)
        manager = OrderedManager([plugin for plugin in arrangement.plugins if plugin.controls.enabled])
        order = {hook: manager.in_order(hook) for hook in HOOKS}
        chains = {hook: tuple((bound.call, bound) for bound in order[hook]) for hook in CHAIN_HOOKS}
        return cls(tick, version, revisions, manager, order, chains, arrangement)

    @property
    def hook(self) -> pluggy.HookRelay:
        """Calls notify and first-result hooks."""
        return self.manager.hook


class OrderedManager(pluggy.PluginManager):
    """The enabled plugins of one moment; when anything changes, a new one takes its place.

    pluggy calls what was registered last first, so plugins are registered from the last to the first. What an
    author says about ``tryfirst`` and ``trylast`` is set aside: these know three places only, and turn the
    order around within the last.

    Parameters
    ----------
    plugins
        In the order of calls.
    """

    def __init__(self, plugins: Sequence[Registered]) -> None:
        super().__init__(hookspecs.PROJECT_NAME)
        self.add_hookspecs(hookspecs)
        for plugin in reversed(plugins):
            self.register(_Functions(plugin.hooks), name=plugin.name)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """The options of one function, without its wishes for a place."""
        if name not in plugin.hooks:
            return None
        return {**plugin.hooks[name].options, "tryfirst": False, "trylast": False, "specname": None}

    def in_order(self, hook: str) -> tuple[BoundHook, ...]:
        """What answers a hook, in the order of the calls; wrappers stand around all others."""
        implementations = getattr(self.hook, hook).get_hookimpls()
        return tuple(implementation.plugin.hooks[hook] for implementation in reversed(implementations))


class _Functions:
    """A plugin as pluggy sees it: functions with the names and the signatures of hooks."""

    def __init__(self, hooks: Mapping[str, BoundHook]) -> None:
        self.hooks = hooks
        for hook, bound in hooks.items():
            setattr(self, hook, _around(bound) if bound.is_wrapper else _plain(bound))


def _plain(bound: BoundHook) -> Callable[..., Any]:
    """A function whose errors name the plugin; pluggy finds the hook's signature behind ``wraps``."""

    @functools.wraps(getattr(hookspecs, bound.hook))
    def plain(*arguments: Any) -> Any:
        try:
            return bound.call(*arguments)
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error)

    return plain


def _around(bound: BoundHook) -> Callable[..., Generator[Any, Any, Any]]:
    """The same for a wrapper, which yields to let the others run."""

    @functools.wraps(getattr(hookspecs, bound.hook))
    def around(*arguments: Any) -> Generator[Any, Any, Any]:
        try:
            return (yield from bound.call(*arguments))
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error)

    return around
