"""The order of calls: pluggy, bound to priorities, and what is compiled from it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from cellmap_data import hookspecs
from cellmap_data.hookspecs import CHAIN_HOOKS
from cellmap_data.plugins.answers import ANSWERS
from cellmap_data.plugins.arrangement import Arrangement, arrange
from cellmap_data.plugins.binding import HOOKS, BoundHook
from cellmap_data.plugins.chains import Chain
from cellmap_data.plugins.inspection import Registered
from cellmap_data.plugins.recorder import Recorder

__all__ = ["OrderedManager", "Snapshot", "states_of"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The plugins as they stood at one moment; a call that has begun finishes with it.

    Attributes
    ----------
    tick
        The time when it was last known to be up to date.
    version
        A number that grows whenever the plugins change, apart from being switched on and off.
    revisions
        One of each plugin, enabled or not.
    switches
        Whether each is enabled, in the order of registration.
    manager
        The enabled plugins; it runs notify and first-result hooks.
    order
        Hook name -> what answers it, in the order of the calls.
    chains
        The same for chain hooks.
    arrangement
        All plugins in one order, and what moved them away from their numbers.
    """

    tick: int
    version: int
    revisions: tuple[int, ...]
    switches: tuple[bool, ...]
    manager: OrderedManager
    order: Mapping[str, tuple[BoundHook, ...]]
    chains: Mapping[str, Chain]
    arrangement: Arrangement

    @classmethod
    def of(cls, plugins: Sequence[Registered], tick: int, version: int, recorder: Recorder) -> Snapshot:
        """Compile ``plugins``, given in the order of registration."""
        revisions, switches = states_of(plugins)
        arrangement = arrange(plugins)
        enabled = [plugin for plugin in arrangement.plugins if plugin.controls.enabled]
        manager = OrderedManager(enabled, recorder)
        order = {hook: manager.in_order(hook) for hook in HOOKS}
        chains = {hook: Chain.of(order[hook]) for hook in CHAIN_HOOKS}
        return cls(tick, version, revisions, switches, manager, order, chains, arrangement)

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
    recorder
        Counts the calls.
    """

    def __init__(self, plugins: Sequence[Registered], recorder: Recorder) -> None:
        super().__init__(hookspecs.PROJECT_NAME)
        self.add_hookspecs(hookspecs)
        self._recorder = recorder
        for plugin in reversed(plugins):
            self.register(_Functions(plugin.hooks, recorder), name=plugin.name)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """The options of one function, without its wishes for a place."""
        if name not in plugin.hooks:
            return None
        return {**plugin.hooks[name].options, "tryfirst": False, "trylast": False, "specname": None}

    def in_order(self, hook: str) -> tuple[BoundHook, ...]:
        """What answers a hook, in the order of the calls; wrappers stand around all others."""
        implementations = getattr(self.hook, hook).get_hookimpls()
        return tuple(implementation.plugin.hooks[hook] for implementation in reversed(implementations))

    def call_one(self, bound: BoundHook, *arguments: Any) -> Any:
        """Call one hook of one plugin, as if it were alone."""
        return _plain(bound, self._recorder)(*arguments)


def states_of(plugins: Sequence[Registered]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """What can change about plugins without the manager: their revisions, and whether they are enabled."""
    revisions = tuple(plugin.controls.revision for plugin in plugins)
    return revisions, tuple(plugin.controls.enabled for plugin in plugins)


class _Functions:
    """A plugin as pluggy sees it: functions with the names and the signatures of hooks."""

    def __init__(self, hooks: Mapping[str, BoundHook], recorder: Recorder) -> None:
        self.hooks = hooks
        for hook, bound in hooks.items():
            setattr(self, hook, _around(bound) if bound.is_wrapper else _plain(bound, recorder))


def _plain(bound: BoundHook, recorder: Recorder) -> Callable[..., Any]:
    """A function whose errors name the plugin; pluggy finds the hook's signature behind ``wraps``."""
    check = ANSWERS.get(bound.hook)

    @functools.wraps(getattr(hookspecs, bound.hook))
    def plain(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            answer = bound.call(*arguments)
            if check is not None and answer is not None:
                check(bound, answer, *arguments)
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            if not _may_fail(bound, error, recorder):
                bound.blame(error)
            return None
        finally:
            recorder.note_call((bound, time.perf_counter() - start))
        return answer

    return plain


def _may_fail(bound: BoundHook, error: Exception, recorder: Recorder) -> bool:
    """Whether an error can be passed over, as if the plugin had not been called; if so, it is counted."""
    may = bound.policy.kind == "skip_plugin" and bound.is_own(error)
    return may and recorder.skip(bound, error, "call")


def _around(bound: BoundHook) -> Callable[..., Generator[Any, Any, Any]]:
    """The same for a wrapper, which yields to let the others run: not timed, and never passed over."""

    @functools.wraps(getattr(hookspecs, bound.hook))
    def around(*arguments: Any) -> Generator[Any, Any, Any]:
        try:
            return (yield from bound.call(*arguments))
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error)

    return around
