"""Tables of what was measured, as they are printed and kept."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.outcome import Outcome

HEAD = ("samples/s", "spread", "of the first", "CPU ms/sample", "peak MiB")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def case_table(case: Case, outcomes: Sequence[Outcome]) -> str:
    """A row for each contender; rates are divided by that of the first."""
    if len(case.steps) > 1:
        return step_table(case, outcomes)
    rows = [
        [
            outcome.setting.name,
            f"{outcome.rate:.1f}",
            f"{100 * outcome.spread:.0f} %",
            f"{outcome.rate / outcomes[0].rate:.2f}",
            f"{1e3 * outcome.cpu:.1f}",
            f"{outcome.peak / 2**20:.0f}",
        ]
        for outcome in outcomes
    ]
    return table([case.about, *HEAD], rows)


def step_table(case: Case, outcomes: Sequence[Outcome]) -> str:
    """The share of time waited: a row for each step, a column for each contender."""
    settings = list(dict.fromkeys(outcome.setting for outcome in outcomes))
    waited = {(outcome.step, outcome.setting): outcome.waited for outcome in outcomes}
    rows = [
        [f"{step} ms", *(f"{100 * waited[step, setting]:.1f} %" for setting in settings)]
        for step in case.steps
    ]
    return table([case.about, *(f"{setting.name}: waited" for setting in settings)], rows)


class Results:
    """A file of Markdown that grows with every case."""

    def __init__(self, path: Path) -> None:
        self._path = path
        names = ("cellmap-data", "torch", "tensorstore", "zarr", "numba", "numpy")
        releases = ", ".join(f"{name} {version(name)}" for name in names)
        load = f"{os.getloadavg()[0]:.1f} at the start"
        path.write_text(
            f"# Measured on {date.today():%d %B %Y}\n\n{os.cpu_count()} cores ({platform.machine()}), Linux, "
            f"Python {platform.python_version()}; {releases}. Load: {load}.\n"
        )

    def add(self, text: str) -> None:
        """Print it, and keep it."""
        print(f"\n{text}", flush=True)
        with self._path.open("a") as stream:
            stream.write(f"\n{text}\n")
