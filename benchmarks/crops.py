"""Thousands of crops: how long until the first batch, what is held, whether memory stays flat.

``make bench`` runs it: 2,000 crops of raw and 14 classes, 30,000 zarr groups. Each run is a process of its
own, contenders take turns, figures are medians. The earlier package (``make bench-peers``) opens so much
that it gets fewer crops; the rows say how many.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import crop_folder
from benchmarks.launch import ROOT, LeftOutError, environment_for, peer
from benchmarks.results import table

FLAT = 256 * 2**20


def run(python: Path | str, rows: list[tuple[str, str]], *flags: str) -> dict[str, Any]:
    """What one process of benchmarks/opening.py says."""
    command = [str(python), str(ROOT / "benchmarks" / "opening.py"), *flags]
    listed = "".join(f"{raw} {target}\n" for raw, target in rows)
    done = subprocess.run(
        command,
        input=listed,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment_for(str(python)),
    )
    return json.loads(done.stdout.splitlines()[-1])


def median(answers: list[dict[str, Any]], step: str, what: str = "seconds") -> float:
    """The median of one figure."""
    return statistics.median(answer[step][what] for answer in answers)


def opening(rows: list[tuple[str, str]], peer_crops: int, rounds: int) -> list[list[str]]:
    """Seconds to the first batch, with 0 and 2 workers."""
    contenders = {"ours": (sys.executable, rows)}
    try:
        contenders["earlier"] = (str(peer("earlier")), rows[:peer_crops])
    except LeftOutError as reason:
        print(f"left out: earlier: {reason}")
    plans = [(kind, workers) for workers in (0, 2) for kind in contenders]
    answers: dict[tuple[str, int], list[dict[str, Any]]] = {plan: [] for plan in plans}
    for _ in range(rounds):
        for kind, workers in plans:
            python, given = contenders[kind]
            answers[kind, workers].append(run(python, given, "--kind", kind, "--workers", str(workers)))
    return [
        [
            f"{kind}, {workers} workers",
            f"{len(contenders[kind][1]):,}",
            *(f"{median(told, step):.2f}" for step in ("construct", "len", "batch")),
            f"{median(told, 'construct', 'resident') + median(told, 'len', 'resident'):.0f}",
        ]
        for (kind, workers), told in answers.items()
    ]


def counting(rows: list[tuple[str, str]]) -> list[list[str]]:
    """What our datasets open and hold, counted."""
    told = run(sys.executable, rows, "--kind", "ours", "--count")
    groups = len(rows) * (1 + len(crop_folder.CLASSES))
    return [
        [step, f"{told[step]['opened'] / groups:.2f}", f"{told[step]['traced']:.1f}"]
        for step in ("construct", "len")
    ] + [[f"pickled: {told['pickled'] / 2**20:.1f} MiB", "-", "-"]]


def flat(rows: list[tuple[str, str]], samples: int, *flags: str) -> str:
    """MiB of the process at ten times while ``samples`` are read, with a cache of 256 MiB."""
    given = ("--kind", "ours", "--samples", str(samples), "--cache", str(FLAT), *flags)
    return ", ".join(f"{value:,.0f}" for value in run(sys.executable, rows, *given)["memory"])


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/cellmap-data-crops"))
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--peer-crops", type=int, default=200, help="crops for the earlier package")
    parser.add_argument("--samples", type=int, default=5000, help="samples over which memory is to be flat")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rows = crop_folder.make(args.folder, args.crops)
    head = ["crops x 15 groups", "crops", "construct s", "all metadata s", "first batch s", "MiB held"]
    print(table(head, opening(rows, args.peer_crops, args.rounds)))
    print()
    print(table(["step", "files opened per group", "MiB of Python objects"], counting(rows)))
    print(f"\nMiB of the process at ten times of {args.samples:,} samples, cache of 256 MiB")
    print(f"heaps as the C library has them: {flat(rows, args.samples)}")
    print(f"one heap: {flat(rows, args.samples, '--one-heap')}")


if __name__ == "__main__":
    main()
