"""Measure: ``python -m benchmarks --case main --rounds 7``; ``make bench`` runs all."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from benchmarks import volume
from benchmarks.cases import CASES, Case
from benchmarks.driver import Contender, take_turns
from benchmarks.launch import LeftOutError, start
from benchmarks.results import HEAD, rows, table
from benchmarks.truth import Truth


def measure(case: Case, folder: Path, rounds: int, seconds: float) -> list[Contender]:
    """Run one case and return its contenders, ended, with what they have reached."""
    task, contenders = case.task, []
    place = volume.make(folder, task.size, task.labels, task.chunk, task.layout)
    with ExitStack() as stack:
        for setting in case.settings:
            try:
                contenders.append(stack.enter_context(start(setting, task, folder)))
            except LeftOutError as reason:
                print(f"left out: {setting.name}: {reason}")
        take_turns(contenders, Truth(place, task.classes), rounds, seconds)
    return contenders


def main() -> None:
    """Measure the cases asked for, and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/cellmap-data-bench"))
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long a round is")
    args = parser.parse_args()
    for case in CASES:
        if not args.case or case.name in args.case:
            contenders = measure(case, args.folder, args.rounds, args.seconds)
            print("\n" + table([case.about, *HEAD], rows(contenders)), flush=True)


if __name__ == "__main__":
    main()
