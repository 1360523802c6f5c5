"""The memory that a prediction takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cellmap_data.testing import write_volume

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
import psutil
import numpy as np
from cellmap_data import CellMapDatasetWriter
from cellmap_data.chunks import are_ready
from cellmap_data.storage import set_cache_budget

raw, out, window = sys.argv[1:]
patch = {"shape": (64, 64, 64), "scale": (8, 8, 8)}
set_cache_budget(1 << 20)
assert are_ready(np.dtype("u1"), np.dtype("f4"), wait=True)
held = []

def hold():
    held.append(psutil.Process().memory_info().rss >> 20)

def model(x):
    hold()
    return 2 * x

def predict(path, end):
    bounds = {"out": dict.fromkeys("zyx", (0, 8 * end))}
    writer = CellMapDatasetWriter(raw, path, ["nuc"], {"raw": patch}, {"out": patch}, bounds)
    return writer.predict(model, batch_size=1, overlap=8, window_bytes=int(window))

predict(out + "/small", 96)  # loads all code, starts all threads
held.clear()
hold()
done = predict(out + "/whole", 256)
print(max(held) - held[0], done.regions)
"""


@pytest.mark.timeout(300)
def test_memory_is_bounded_by_the_window(tmp_path) -> None:
    """An output of 64 MB in a window of 4 MB: memory grows by two windows and buffers, not by the output."""
    raw = write_volume(tmp_path / "raw.zarr", np.zeros((256, 256, 256), np.uint8), chunks=(64, 64, 64))
    grown = {}
    for window in (4 << 20, 256 << 20):
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, raw, str(tmp_path / f"{window}.zarr"), str(window)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        grown[window], regions = map(int, ran.stdout.split())
        assert (regions == 1) == (window > 64 << 20)
    assert grown[4 << 20] < 60 < 110 < grown[256 << 20], grown
