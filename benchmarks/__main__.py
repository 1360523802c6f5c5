"""Measure: ``python -m benchmarks --case main --rounds 7``; ``make bench`` runs all cases."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks import start_up, volume, writing
from benchmarks.cases import CASES, Case
from benchmarks.goals import goals
from benchmarks.launch import ROOT
from benchmarks.outcome import Outcome
from benchmarks.results import Results, case_table, table
from benchmarks.stage import measure

PARTS = {"start-up": start_up.measure, "writing": writing.measure}  # whole runs, timed from their start
NAMES = [*(case.name for case in CASES), *PARTS]


def main() -> None:
    """Measure the cases asked for, print their tables and how they stand to the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=volume.FOLDER)
    parser.add_argument("--case", action="append", choices=NAMES, help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.8, help="about how long a round is")
    parser.add_argument("--quick", action="store_true", help="three short rounds, to see that all works")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.md")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 3, 0.2
    wanted, results = args.case or NAMES, Results(args.results)
    measured = {
        case.name: run_case(case, results, args.folder, args.rounds, args.seconds)
        for case in CASES
        if case.name in wanted
    }
    parts = {name: run_part(name, results, args.folder, args.rounds) for name in PARTS if name in wanted}
    results.add(table(["goal", "asked", "measured", "reached"], goals(measured, parts)))


def run_case(case: Case, results: Results, folder: Path, rounds: int, seconds: float) -> list[Outcome]:
    """Measure one case, and add its table."""
    began = time.monotonic()
    outcomes, notes = measure(case, folder, rounds, seconds)
    results.add("\n\n".join([case_table(case, outcomes), *notes]))
    print(f"({case.name}: {time.monotonic() - began:.0f} s)", flush=True)
    return outcomes


def run_part(name: str, results: Results, folder: Path, rounds: int) -> float:
    """Measure one part, and add its table."""
    text, notes, value = PARTS[name](folder, min(rounds, 5))
    results.add("\n\n".join([text, *notes]))
    return value


if __name__ == "__main__":
    main()
