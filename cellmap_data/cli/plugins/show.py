"""What ``cellmap-data plugins`` prints for people. Nothing is cut off, however narrow the terminal."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from textwrap import indent
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from cellmap_data.cli.plugins.table import Row
from cellmap_data.plugins import OrderReport
from cellmap_data.plugins.environment import DISABLE_ALL, is_on

if TYPE_CHECKING:
    from cellmap_data.cli.plugins.examination import Examination
    from cellmap_data.testing import Outcome

__all__ = ["examination", "order", "overview"]

_WITHOUT_TERMINAL = 10_000
"""Columns where nobody says how many there are: one line for each row, so that ``grep`` finds all of it."""

_NUMBERS = ("", "number", "priority")

_WRAPPED = ("distribution", "hooks", "reason")
"""The columns that give way in a narrow terminal, down to ``_NARROW``."""

_NARROW = 12

_LONG = 30
"""A name of up to so many characters is never broken into two."""

_GAP = 2

_SWITCHED_OFF = f"{DISABLE_ALL} is set: no loader has plugins."


def overview(rows: Sequence[Row]) -> None:
    """The table of plugins, then the reasons why some are broken."""
    _table(
        ("name", "distribution", "priority", "enabled", "hooks"),
        [
            (
                row.plugin.name,
                f"{row.plugin.distribution} {row.plugin.version}".strip(),
                "" if row.plugin.priority is None else str(row.plugin.priority),
                "yes" if row.enabled else "no",
                _hooks(row),
            )
            for row in rows
        ],
    )
    for reason in dict.fromkeys(row.plugin.broken for row in rows if row.plugin.broken):
        _line(f"\n{reason}")
    wanted = list(dict.fromkeys(repr(row.plugin.name) for row in rows if row.plugin.broken and row.wanted))
    if wanted:
        _line(f"\nNo default EnhancedCellMapDataLoader can be made: it would ask for {', '.join(wanted)}.")
    if is_on(DISABLE_ALL):
        _line(f"\n{_SWITCHED_OFF}")


def order(report: OrderReport) -> None:
    """A table for each hook that somebody answers, then the wishes about plugins that are not there."""
    if is_on(DISABLE_ALL):
        _line(_SWITCHED_OFF)
    for hook, places in report.hooks.items():
        if places:
            _line(hook)
            _table(
                ("", "plugin", "distribution", "number", "reason"),
                [
                    (str(place.position), place.plugin, place.distribution, str(place.number), place.reason)
                    for place in places
                ],
            )
            _line("")
    for wish in report.absent:
        _line(f"{wish.plugin!r} says {wish.wish}={wish.name!r}, and no such plugin is enabled; {wish.hint}")


def examination(result: Examination) -> None:
    """What the plugin is, then why it is refused, or how each test ended; each cause of failures once."""
    origin = f" of {result.distribution}" if result.distribution else ""
    _line(f"{result.name}{origin}")
    if result.refused:
        _line(f"\n{result.refused}")
        return
    _line(f"number {result.priority}; {', '.join(result.hooks) or 'no hooks'}\n")
    told: dict[str, str] = {}
    for outcome in result.outcomes:
        _outcome(outcome)
        if outcome.failure:
            first = told.setdefault(_cause(outcome.failure), outcome.name)
            same = f"the same as in test_{first}"
            _line(indent(outcome.failure if first == outcome.name else same, " " * 9))
    counts = Counter(_ending(outcome) for outcome in result.outcomes)
    _line("\n" + ", ".join(f"{count} {ending}" for ending, count in sorted(counts.items())))


def _outcome(outcome: Outcome) -> None:
    """One line, with the reason if it was skipped, and the name of the test if it failed."""
    ending = _ending(outcome)
    about = {"passed": "", "skipped": f" ({outcome.skipped})", "failed": f" (test_{outcome.name})"}[ending]
    _line(f"{ending:<9}{outcome.promise.replace('``', '')}{about}")


def _cause(failure: str) -> str:
    """A failure without the sample on which it came."""
    lines = [line for line in failure.splitlines() if not line.startswith(("  sample:", "  crop:"))]
    return re.sub(r" \(sample \d+\)", "", "\n".join(lines))


def _ending(outcome: Outcome) -> str:
    if outcome.skipped:
        return "skipped"
    return "failed" if outcome.failure else "passed"


def _hooks(row: Row) -> str:
    if row.plugin.broken:
        return "broken, see below"
    if row.plugin.needs:
        return f"unknown without options: {', '.join(row.plugin.needs)}"
    return ", ".join(row.plugin.hooks)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = _console()
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    needed = 0
    for title, *cells in zip(header, *rows, strict=True):
        longest = max(map(cell_len, (title, *cells)))
        width = None if title in _WRAPPED else min(longest, max(_LONG, console.width // 3))
        needed += (width or min(longest, _NARROW)) + _GAP
        table.add_column(
            title, justify="right" if title in _NUMBERS else "left", width=width, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    console.width = max(console.width, needed)  # with less, columns would vanish
    console.print(table)


def _line(text: str) -> None:
    _console().print(text, soft_wrap=True)


def _console() -> Console:
    """Text is shown as it is: brackets and colons of names mean nothing."""
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if has_width else _WITHOUT_TERMINAL
    return Console(width=width, markup=False, emoji=False, highlight=False)
