"""Tables of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.driver import Contender

HEAD = ("samples/s", "of the first", "CPU ms/sample", "peak MiB")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def rows(contenders: Sequence[Contender]) -> list[list[str]]:
    """A row for each contender; rates are divided by that of the first."""
    return [
        [
            contender.setting.name,
            f"{contender.rounds.rate:.1f}",
            f"{contender.rounds.rate / contenders[0].rounds.rate:.2f}",
            f"{1e3 * contender.rounds.cpu_per_sample:.1f}",
            f"{contender.rounds.peak / 2**20:.0f}",
        ]
        for contender in contenders
    ]
