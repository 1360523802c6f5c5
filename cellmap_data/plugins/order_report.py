"""Why each plugin stands where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cellmap_data.plugins.arrangement import Arrangement
from cellmap_data.plugins.binding import BoundHook
from cellmap_data.plugins.inspection import Registered
from cellmap_data.plugins.refusals import nearest

__all__ = ["AbsentName", "OrderReport", "Place", "report"]


@dataclass(frozen=True, slots=True)
class Place:
    """One plugin in the calls of one hook.

    Attributes
    ----------
    position
        From 1.
    plugin, distribution
        Its name, and "name version" of what it was installed by; empty if it was handed in.
    number
        Its own priority.
    reason
        Why it stands here.
    """

    position: int
    plugin: str
    distribution: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class AbsentName:
    """A wish about a plugin that is not there, and so does nothing.

    Attributes
    ----------
    plugin
        Who has the wish.
    wish
        "before" or "after".
    name
        The name that nobody has.
    hint
        The nearest name that somebody has.
    """

    plugin: str
    wish: str
    name: str
    hint: str


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The order of calls, explained.

    Attributes
    ----------
    hooks
        Hook name -> its enabled plugins in the order of calls; every hook is there.
    absent
        Wishes about plugins that are not there.
    """

    hooks: Mapping[str, tuple[Place, ...]]
    absent: tuple[AbsentName, ...]

    def __str__(self) -> str:
        lines = []
        for hook, places in self.hooks.items():
            if places:
                lines.append(hook)
                lines += [f"  {place.position}. {place.plugin}: {place.reason}" for place in places]
        lines += [f"{each.plugin} says {each.wish} {each.name!r}, which is absent" for each in self.absent]
        return "\n".join(lines)


def report(arrangement: Arrangement, order: Mapping[str, Sequence[BoundHook]]) -> OrderReport:
    """Explain ``order``, which pluggy made of ``arrangement``."""
    plugins = {plugin.name: plugin for plugin in arrangement.plugins}
    hooks = {
        hook: tuple(
            Place(
                position,
                bound.author.plugin,
                bound.author.distribution,
                plugins[bound.author.plugin].controls.priority,
                _reason(bound, [plugins[other.author.plugin] for other in answers], arrangement),
            )
            for position, bound in enumerate(answers, start=1)
        )
        for hook, answers in order.items()
    }
    absent = tuple(
        AbsentName(plugin.name, wish, name, nearest(name, list(plugins)))
        for plugin in arrangement.plugins
        for wish, names in (("before", plugin.before), ("after", plugin.after))
        for name in names
        if name not in plugins
    )
    return OrderReport(hooks, absent)


def _reason(bound: BoundHook, answers: Sequence[Registered], arrangement: Arrangement) -> str:
    name = bound.author.plugin
    plugin = next(each for each in answers if each.name == name)
    parts = ["wrapper, around all that are none"] if bound.is_wrapper else []
    if name in arrangement.lifted:
        parts.append(f"before {arrangement.lifted[name]!r}")
    if name in arrangement.held:
        parts.append(_held(plugin, arrangement.held[name]))
    if len(parts) == bound.is_wrapper:
        parts.append(_by_number(plugin, answers))
    return "; ".join(parts)


def _held(plugin: Registered, other: str) -> str:
    if other in plugin.after:
        return f"after {other!r}"
    return f"behind {other!r}, which says before={plugin.name!r}"


def _by_number(plugin: Registered, answers: Sequence[Registered]) -> str:
    number = plugin.controls.priority
    equals = [each.name for each in answers if each.controls.priority == number]
    if len(equals) == 1:
        return f"number {number}"
    return f"number {number}, registered {equals.index(plugin.name) + 1} of {len(equals)} with it"
