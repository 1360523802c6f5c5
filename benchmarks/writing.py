"""Prediction: how many megabytes of output a second, with a model that costs nothing.

The model gives back its input, so every voxel of the output is known; the table says what share of them is
right.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from benchmarks import volume
from benchmarks.launch import ROOT, LeftOutError, environment_for, peer
from benchmarks.results import table

SIZE, PATCH = 512, 128
KINDS = (("bare", 0), ("ours", 0), ("ours", 2), ("earlier", 0))
NAMES = {"bare": "tensorstore alone, uint8", "ours": "ours, uint8", "earlier": "earlier, float32"}


def measure(folder: Path, rounds: int) -> tuple[str, list[str], float]:
    """Predict the whole volume, in turns.

    Returns
    -------
    table : str
        Of megabytes of uint8 voxels a second, those of wrong voxels too.
    notes : list of str
        Who took no part, and why.
    share : float
        Ours as a share of the bare loop.
    """
    place, notes = volume.make(folder, SIZE), []
    told: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for kind, workers in KINDS:
            try:
                python = sys.executable if kind != "earlier" else str(peer("earlier"))
            except LeftOutError as reason:
                notes.append(f"Left out: {kind}: {reason}")
                continue
            told.setdefault((kind, workers), []).append(run(python, kind, workers, place))
    rows, best = [], dict[str, float]()
    for (kind, workers), answers in told.items():
        rates = [SIZE**3 / 1e6 / answer["seconds"] for answer in answers]
        best[kind] = max(best.get(kind, 0.0), statistics.median(rates))
        cpu = [1e9 * answer["cpu"] / SIZE**3 for answer in answers]
        name = f"{NAMES[kind]}, {workers} workers"
        right = f"{100 * answers[0]['right']:.0f} %"
        rows.append([name, f"{statistics.median(rates):.0f}", f"{statistics.median(cpu):.1f}", right])
    head = [f"{SIZE}^3 predicted in tiles of {PATCH}^3", "MB/s", "CPU ns/voxel", "voxels right"]
    return table(head, rows), sorted(set(notes)), best["ours"] / best["bare"]


def run(python: str, kind: str, workers: int, place: Path) -> dict[str, Any]:
    """One process of benchmarks/contenders/prediction.py, and what share of its output is right."""
    out = Path(tempfile.mkdtemp(dir=place.parent)) / "out.zarr"
    task = {"kind": kind, "workers": workers, "place": str(place), "out": str(out)}
    task |= {"patch": PATCH, "size": SIZE, "batch": 2}
    command = [python, str(ROOT / "benchmarks" / "contenders" / "prediction.py"), json.dumps(task)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=environment_for(python)
        )
        return json.loads(done.stdout.splitlines()[-1]) | {"right": right(place, out)}
    finally:
        shutil.rmtree(out.parent)


def right(place: Path, out: Path) -> float:
    """The share of voxels that are what they were."""
    raw = zarr.open_array(place / "raw" / "s0", mode="r")[:]
    written = zarr.open_array(out / "out" / "s0", mode="r")[:]
    return float(np.mean(raw[tuple(map(slice, written.shape))] == written))
