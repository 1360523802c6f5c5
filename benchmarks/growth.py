"""How rate, CPU time and memory grow with classes, crops, patches and workers: one picture each.

``python -m benchmarks.growth`` draws them. Each point is a case of its own; where the C reader can do the
same, it is drawn beside ours, measured in turns with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import volume
from benchmarks.cases import NATIVE, Case
from benchmarks.launch import ROOT
from benchmarks.outcome import Outcome
from benchmarks.results import table
from benchmarks.stage import measure
from benchmarks.tasks import Setting, Task

BOTH = (Setting(), Setting(workers=2))
ALL = (NATIVE, *BOTH)


@dataclass(frozen=True, slots=True)
class Growth:
    """What grows, and the case at each of its values."""

    name: str
    about: str
    values: tuple[int, ...]
    case: Callable[[int], tuple[Task, tuple[Setting, ...]]]


GROWTHS = (
    Growth("classes", "classes, 128^3", (1, 3, 7, 14), lambda n: (Task(labels=n), ALL)),
    Growth("patch", "voxels along an edge, raw + 3", (32, 64, 96, 128, 192), lambda n: (Task(n), ALL)),
    Growth(
        "workers",
        "workers (0: threads), 128^3, raw + 3",
        (0, 1, 2, 4),
        lambda n: (Task(), (NATIVE, Setting(workers=n))),
    ),
    Growth(
        "crops",
        "crops of 64^3, patches of 32^3, raw + 3",
        (1, 10, 100, 1000, 2000),
        lambda n: (Task(32, batch=4, crops=n, crop=64), BOTH),
    ),
)

PANELS: tuple[tuple[str, Callable[[Outcome], float]], ...] = (
    ("samples/s", lambda outcome: outcome.rate),
    ("CPU ms/sample", lambda outcome: 1e3 * outcome.cpu),
    ("peak MiB", lambda outcome: outcome.peak / 2**20),
)

Points = Sequence[tuple[int, Outcome]]


def points(growth: Growth, folder: Path, rounds: int, seconds: float) -> list[tuple[int, Outcome]]:
    """What was measured at each value."""
    measured = []
    for value in growth.values:
        case = Case(growth.name, f"{value} {growth.about}", *growth.case(value))
        outcomes, _ = measure(case, folder, rounds, seconds)
        measured += [(value, outcome) for outcome in outcomes]
    return measured


def line_of(growth: Growth, outcome: Outcome) -> str:
    """Which line of a picture a point belongs to."""
    if outcome.setting.kind == "native":
        return "C reader, 2 threads"
    return "ours" if growth.name == "workers" else outcome.setting.name


def draw(growth: Growth, measured: Points, path: Path) -> None:
    """Draw one picture of three panels."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    lines = list(dict.fromkeys(line_of(growth, outcome) for _, outcome in measured))
    for axes, (about, number) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for line in lines:
            found = [(value, number(of)) for value, of in measured if line_of(growth, of) == line]
            axes.plot(*zip(*found, strict=True), marker="o", markersize=4, label=line)
        axes.set(xlabel=growth.about, title=about)
        if growth.name in ("patch", "crops"):
            names = [f"{value / 1000:g}k" if value >= 1000 else f"{value}" for value in growth.values]
            axes.set(xscale="log", xticks=growth.values, xticklabels=names)
            axes.minorticks_off()
        if growth.name == "patch" and about != "peak MiB":
            axes.set(yscale="log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
        else:
            axes.set(ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def growth_table(growth: Growth, measured: Points) -> str:
    """The numbers of a picture."""
    rows = [
        [str(value), line_of(growth, outcome), *(f"{number(outcome):.1f}" for _, number in PANELS)]
        for value, outcome in measured
    ]
    return table([growth.about, "", *(about for about, _ in PANELS)], rows)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=volume.FOLDER)
    parser.add_argument("--only", action="append", choices=[growth.name for growth in GROWTHS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images")
    args = parser.parse_args()
    for growth in GROWTHS:
        if not args.only or growth.name in args.only:
            measured = points(growth, args.folder, args.rounds, args.seconds)
            draw(growth, measured, args.images / f"growth-{growth.name}.png")
            print(f"\n{growth_table(growth, measured)}", flush=True)


if __name__ == "__main__":
    main()
