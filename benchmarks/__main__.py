"""Measure: ``python -m benchmarks --case main --rounds 7``; ``make bench`` runs all cases."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.goals import goals
from benchmarks.launch import ROOT
from benchmarks.outcome import Outcome
from benchmarks.parts import PARTS
from benchmarks.results import Results, case_table, table
from benchmarks.stage import measure

NAMES = [*(case.name for case in CASES), *PARTS]


def main() -> None:
    """Measure the cases asked for, print their tables and how they stand to the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/cellmap-data-bench"))
    parser.add_argument("--case", action="append", choices=NAMES, help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.8, help="about how long a round is")
    parser.add_argument("--quick", action="store_true", help="three short rounds, to see that all works")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.md")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 3, 0.2
    results = Results(args.results)
    measured, parts = dict[str, list[Outcome]](), dict[str, float]()
    for case in CASES:
        if not args.case or case.name in args.case:
            began = time.monotonic()
            measured[case.name], left_out = measure(case, args.folder, args.rounds, args.seconds)
            results.add(case_table(case, measured[case.name]))
            for reason in left_out:
                results.add(f"Left out: {reason}")
            print(f"({case.name}: {time.monotonic() - began:.0f} s)", flush=True)
    for name, part in PARTS.items():
        if not args.case or name in args.case:
            text, left_out, value = part(args.folder, min(args.rounds, 5))
            results.add("\n\n".join([text, *(f"Left out: {reason}" for reason in left_out)]))
            parts[name] = value
    results.add(table(["goal", "asked", "measured", "reached"], goals(measured, parts)))


if __name__ == "__main__":
    main()
