"""The report of a loader as tables, for a terminal and for a notebook."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellmap_data.dataloader.report import STAGES, Report

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of text below a title; columns whose places are in ``numbers`` stand to the right."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: tuple[int, ...]


def as_rich(report: Report) -> RenderableType:
    """Tables for ``rich.print``."""
    parts: list[RenderableType] = []
    for table in _tables(report):
        made = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
        for place, column in enumerate(table.columns):
            made.add_column(column, justify="right" if place in table.numbers else "left")
        for row in table.rows:
            made.add_row(*map(Text, row))  # names and messages may look like markup
        parts.append(made)
    return Group(*parts, Text(_counts(report)), Text(report.bottleneck))


def as_text(report: Report) -> str:
    """The same without colours."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    console.print(as_rich(report))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")


def as_html(report: Report) -> str:
    """The same for a notebook."""
    parts = []
    for table in _tables(report):
        head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
        rows = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
        parts.append(
            f"<table><caption>{html.escape(table.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
    words = (_counts(report), report.bottleneck)
    return "".join([*parts, *(f"<p>{html.escape(text)}</p>" for text in words)])


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{html.escape(cell)}</td>" for cell in row)


def _counts(report: Report) -> str:
    parts = [
        f"{report.batches} batches",
        f"{report.queue_depth:.1f} ready when one was asked for",
        f"{report.outside_slots} arrays outside reused memory",
    ]
    traffic = report.traffic
    if traffic.hits + traffic.misses:
        parts.append(f"{traffic.hit_share:.0%} of chunks from the cache, {traffic.evicted} had to leave it")
    if traffic.filled:
        parts.append(f"{traffic.filled} chunks of one value filled in")
    return "; ".join(parts)


def _traffic(report: Report) -> list[tuple[str, ...]]:
    traffic = report.traffic
    rows = {
        "used": (traffic.used, "of the patches, as they are stored"),
        "touched": (traffic.touched, "of the chunks that patches lie in, for each patch"),
        "decoded": (traffic.decoded, "of those neither in the cache nor known to hold one value"),
        "read": (traffic.read, "from files and stores, compressed"),
    }
    return [
        (name, f"{nbytes / 1e6:,.1f}", f"{nbytes / traffic.used:.2f}", what)
        for name, (nbytes, what) in rows.items()
    ]


def _tables(report: Report) -> list[_Table]:
    per_batch = 1e3 / max(1, report.batches)
    stages = [
        (stage, f"{report.seconds[stage]:.2f}", f"{report.seconds[stage] * per_batch:.2f}", meaning)
        for stage, meaning in STAGES.items()
    ]
    tables = [
        _Table("Stages", ("stage", "seconds", "ms/batch", "what"), stages, numbers=(1, 2)),
    ]
    if report.traffic.used:
        heads = ("bytes", "MB", "for each used", "what")
        tables.append(_Table("Bytes", heads, _traffic(report), numbers=(1, 2)))
    costs = sorted(report.account.costs.items(), key=lambda item: -item[1].seconds)
    plugins = [
        (plugin, hook, str(cost.calls), f"{cost.seconds:.2f}", f"{1e3 * cost.seconds / cost.calls:.3f}")
        for (plugin, hook), cost in costs
    ]
    if plugins:
        columns = ("plugin", "hook", "calls", "seconds", "ms/call")
        tables.append(_Table("Plugins, waiting included", columns, plugins, numbers=(2, 3, 4)))
    skipped = [
        (plugin, hook, str(each.count), each.what, each.first)
        for (plugin, hook), each in report.account.skipped.items()
    ]
    if skipped:
        columns = ("plugin", "hook", "times", "left out", "the first time")
        tables.append(_Table("Failures that were passed over", columns, skipped, numbers=(2,)))
    return tables
