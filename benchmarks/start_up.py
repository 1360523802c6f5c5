"""The first batch of a volume of a thousand million positions: seconds, and memory.

The volume is as large on disk as a few files: the chunks of the usual one, as hard links, over and over.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import volume
from benchmarks.crops import median, run
from benchmarks.launch import LeftOutError, peer
from benchmarks.results import table

PATCH = 128
SIZE = 1000 + PATCH - 1  # a thousand places along each axis


def measure(folder: Path, rounds: int) -> tuple[str, list[str], float]:
    """Open datasets of few and of many positions, in turns, each in a process of its own.

    Returns
    -------
    table : str
        Of seconds and memory.
    notes : list of str
        Who took no part, and why.
    first : float
        Seconds of ours from the loader to its first batch, a thousand million positions, no workers, native.
    """
    small, large = volume.make(folder), make_large(folder)
    plans = [("ours", small, 0), ("ours", large, 0), ("ours, float32", large, 0), ("ours", large, 2)]
    notes = ["Left out: earlier, a thousand million positions: it lists them, in 8 bytes each several times"]
    pythons = dict.fromkeys(["ours", "ours, float32"], sys.executable)
    try:
        pythons["earlier"] = str(peer("earlier"))
        plans += [("earlier", small, 0), ("earlier", small, 2)]
    except LeftOutError as reason:
        notes.append(f"Left out: earlier: {reason}")
    told: dict[tuple[str, Path, int], list[dict[str, Any]]] = {plan: [] for plan in plans}
    for _ in range(rounds):
        for kind, place, workers in plans:
            crop = [(f"{place}/raw", volume.target_path(place, volume.CLASSES[:3]))]
            flags = ["--kind", kind.partition(",")[0], "--workers", str(workers), "--patch", str(PATCH)]
            flags += ["--native"] if kind == "ours" else []
            told[kind, place, workers].append(run(pythons[kind], crop, *flags))
    first = median(told["ours", large, 0], "batch")
    head = [
        "raw + 3, 128^3, batches of 4",
        "positions",
        "dataset and loader s",
        "first batch s",
        "MiB of its process",
    ]
    return table(head, [row(*plan, answers) for plan, answers in told.items()]), notes, first


def row(kind: str, _: Path, workers: int, answers: list[dict[str, Any]]) -> list[str]:
    """What a table says of a plan."""
    made = (sum(answer[step]["seconds"] for step in ("construct", "len", "loader")) for answer in answers)
    constructed = statistics.median(made)
    batch, memory = median(answers, "batch"), median(answers, "batch", "resident")
    positions = f"{answers[0]['positions']:,}"
    return [f"{kind}, {workers} workers", positions, f"{constructed:.2f}", f"{batch:.2f}", f"{memory:.0f}"]


def make_large(folder: Path) -> Path:
    """A volume of a thousand places of a patch along each axis, once."""
    source = volume.make(folder)
    place = folder / source.name.replace("512", str(SIZE))
    groups = ["raw", *(f"labels/{name}" for name in volume.CLASSES[:3])]
    for group in groups:
        if (place / group / "done").exists():
            continue
        shutil.rmtree(place / group, ignore_errors=True)
        (place / group / "s0").mkdir(parents=True)
        for name in (".zgroup", ".zattrs"):
            shutil.copy(source / group / name, place / group / name)
        metadata = json.loads((source / group / "s0" / ".zarray").read_text())
        metadata["shape"] = [SIZE] * 3
        (place / group / "s0" / ".zarray").write_text(json.dumps(metadata))
        for z, y, x in product(range(-(-SIZE // 64)), repeat=3):
            chunk = place / group / "s0" / f"{z}" / f"{y}" / f"{x}"
            chunk.parent.mkdir(parents=True, exist_ok=True)
            os.link(source / group / "s0" / f"{z % 8}" / f"{y % 8}" / f"{x % 8}", chunk)
        (place / group / "done").touch()
    return place
