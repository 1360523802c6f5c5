"""Numbers, and wishes on top of them: one order for all plugins of a manager."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from cellmap_data.plugins.inspection import Registered
from cellmap_data.plugins.refusals import refusal

__all__ = ["Arrangement", "arrange"]

_Rank = tuple[int, int]
"""Minus the number, then the place in the order of registration: less is earlier."""

_Key = tuple[_Rank, _Rank]
"""The rank that a plugin stands at, then its own."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All plugins, enabled or not, in the order of calls.

    Attributes
    ----------
    plugins
        In that order.
    lifted
        Name -> the plugin of ``before`` whose number it stands at.
    held
        Name -> the plugin that it had to wait for, although its number is higher.
    """

    plugins: tuple[Registered, ...]
    lifted: Mapping[str, str]
    held: Mapping[str, str]


def arrange(plugins: Sequence[Registered]) -> Arrangement:
    """Order ``plugins``, given in the order of registration.

    The highest number comes first, equal ones as registered. Who says ``before`` moves up to the one it
    names, who says ``after`` waits for it; nothing else moves as long as that is possible. Names that nobody
    has are ignored. Disabled plugins count, so that switching one never turns two others around.

    Raises
    ------
    PluginRegistrationError
        When the wishes go around in a circle; the message shows it.
    """
    ranks = {p.name: (-p.controls.priority, place) for place, p in enumerate(plugins)}
    earlier = _predecessors(plugins)
    sorter = TopologicalSorter(earlier)
    try:
        sorter.prepare()
    except CycleError as error:
        raise _cycle(plugins, error.args[1]) from None
    targets = {p.name: [name for name in p.before if name in ranks] for p in plugins}
    lifted = {name: best for name in ranks if (best := _best(name, targets, ranks)) != name}
    keys: dict[str, _Key] = {name: (ranks[lifted.get(name, name)], rank) for name, rank in ranks.items()}
    order = _drain(sorter, keys)
    held = {}
    for name in order:
        slower = [other for other in earlier[name] if keys[other][0] > keys[name][0]]
        if slower:
            held[name] = max(slower, key=order.index)
    by_name = {plugin.name: plugin for plugin in plugins}
    return Arrangement(tuple(by_name[name] for name in order), lifted, held)


def _drain(sorter: TopologicalSorter[str], keys: Mapping[str, _Key]) -> list[str]:
    """Again and again the first by key of those that nobody has to precede."""
    order: list[str] = []
    ready: list[tuple[_Key, str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (keys[name], name))
        order.append(heapq.heappop(ready)[1])
        sorter.done(order[-1])
    return order


def _predecessors(plugins: Sequence[Registered]) -> dict[str, list[str]]:
    """Name -> who must come before it. Lists, not sets: the order is the same on every machine."""
    earlier: dict[str, list[str]] = {plugin.name: [] for plugin in plugins}
    for plugin in plugins:
        earlier[plugin.name] += [name for name in plugin.after if name in earlier]
        for name in plugin.before:
            if name in earlier:
                earlier[name].append(plugin.name)
    return earlier


def _best(name: str, targets: Mapping[str, Sequence[str]], ranks: Mapping[str, _Rank]) -> str:
    """Of a plugin, those it wants to precede, and those that these want to: the one of the earliest rank."""
    seen, waiting = {name}, [name]
    while waiting:
        new = [target for target in targets[waiting.pop()] if target not in seen]
        seen.update(new)
        waiting += new
    return min(seen, key=lambda each: ranks[each])


def _cycle(plugins: Sequence[Registered], cycle: Sequence[str]) -> Exception:
    by_name = {plugin.name: plugin for plugin in plugins}
    newest = max((p for p in plugins if p.name in cycle), key=plugins.index)
    wishes = []
    for first, second in pairwise(cycle):
        said = [f"{first!r} says before={second!r}"] if second in by_name[first].before else []
        said += [f"{second!r} says after={first!r}"] if first in by_name[second].after else []
        wishes.append(" and ".join(said))
    return refusal(
        newest.author,
        "closes a circle: each plugin in it would have to run before itself",
        expected="wishes that can all be met",
        got=f"{' -> '.join(cycle)}: {', '.join(wishes)}",
        hint="take one of these wishes out, or register the plugin with before=() or after=()",
    )
