"""What cannot be registered beside what is there: the same plugin again, or another of its name."""

from __future__ import annotations

from collections.abc import Iterable

from cellmap_data.plugins.construction import author_of
from cellmap_data.plugins.inspection import Registered
from cellmap_data.plugins.refusals import refusal

__all__ = ["refuse_double"]


def refuse_double(plugin: Registered, others: Iterable[Registered]) -> None:
    """Refuse a plugin that one of the others is already, or whose name it has.

    Raises
    ------
    PluginRegistrationError
        Naming both.
    """
    for other in others:
        if other.plugin is plugin.plugin:
            raise refusal(
                plugin.author,
                "is registered already",
                expected="each plugin once",
                got=f"the same object as {other.name!r}",
                hint=f"make another one, or first remove_plugin({other.name!r})",
            )
        if other.name == plugin.name:
            raise refusal(
                plugin.author,
                "has a name that is taken",
                expected="one plugin of each name",
                got=f"{other.name!r} is {other.author}",
                hint=_way_to_one(plugin, other),
            )
        if _is_handed_in_too(plugin, other) or _is_handed_in_too(other, plugin):
            raise refusal(
                plugin.author,
                f"is {other.name!r} once more: both would run",
                expected="a plugin by the name of its entry point, or as an object",
                got=f"both; {other.name!r} is {other.author}",
                hint="take one of them out; to run two, register the object with a name of its own, as in "
                "add_plugin(plugin, name='second')",
            )


def _way_to_one(plugin: Registered, other: Registered) -> str:
    """How to end a conflict of names: 'no:' leaves out installed plugins, and only those."""
    if other.author.distribution:
        return f"leave one of them out: 'no:{other.name}', or remove_plugin({other.name!r})"
    if plugin.author.distribution:
        return f"leave one of them out: 'no:{plugin.name}', or remove_plugin({other.name!r})"
    return "take one of them out; to run both, give one a name: add_plugin(plugin, name='second')"


def _is_handed_in_too(installed: Registered, handed: Registered) -> bool:
    """Whether one comes from an entry point, the other is an object of its class, and nobody named that."""
    return (
        bool(installed.author.distribution)
        and not handed.author.distribution
        and type(installed.plugin) is type(handed.plugin)
        and handed.name == author_of(installed.plugin).plugin
    )
