"""One installed plugin, looked at as closely as can be without data of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cellmap_data.errors import CellMapDataError
from cellmap_data.plugins.construction import construct
from cellmap_data.plugins.discovery import author_of_entry, installed, load, meant_by, only
from cellmap_data.plugins.inspection import examine
from cellmap_data.testing import Outcome, PluginTests, run

__all__ = ["Examination", "examined"]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about a plugin.

    Attributes
    ----------
    name
        Of its entry point.
    distribution
        "name version" of what it was installed by.
    hooks
        The hooks that it answers, sorted.
    priority
        Its number; None if it was refused.
    refused
        Why it cannot be used; empty if it can.
    outcomes
        How each test ended; empty if it was refused.
    """

    name: str
    distribution: str
    hooks: tuple[str, ...] = ()
    priority: int | None = None
    refused: str = ""
    outcomes: tuple[Outcome, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it is not refused and no test failed."""
        return not self.refused and not any(outcome.failure for outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """The same as names and values."""
        return asdict(self) | {"passed": self.passed}


def examined(name: str, options: Mapping[str, Any]) -> Examination:
    """Import a plugin, make it, look at its hooks and run :class:`~cellmap_data.testing.PluginTests`.

    Parameters
    ----------
    name
        What it is enabled by.
    options
        What it is made with.

    Raises
    ------
    UnknownPluginError
        When nothing of that name is installed.
    """
    entries = meant_by(name, installed())
    author = author_of_entry(entries[0])
    try:
        source = load(only(entries))
        registered = examine(construct(source, author, options), author)
    except CellMapDataError as error:
        return Examination(author.plugin, author.distribution, refused=str(error))

    class Suite(PluginTests):
        def make_plugin(self) -> Any:
            return construct(source, author, options)

    return Examination(
        author.plugin,
        author.distribution,
        tuple(sorted(registered.hooks)),
        registered.controls.priority,
        outcomes=tuple(run(Suite())),
    )
