"""What a dataset holds while it is read."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from cellmap_data.testing import write_volume

SCRIPT = """
import sys
import numpy as np, psutil
from cellmap_data import CellMapDataset
from cellmap_data.chunks import are_ready
from cellmap_data.storage import set_cache_budget
assert are_ready(np.dtype("u1"), np.dtype("f4"), wait=True)
set_cache_budget(8 * 2**20)
dataset = CellMapDataset(sys.argv[1], input_arrays={"raw": {"shape": (64,) * 3, "scale": (8,) * 3}})
places = np.random.default_rng(0).integers(len(dataset), size=(50, 4)).tolist()
held = []
for batch in places:
    dataset.__getitems__(batch)
    held.append(psutil.Process().memory_info().rss / 2**20)
print(max(held[20:]) - held[0])
"""


def test_reading_holds_the_cache_and_no_more(tmp_path) -> None:
    """After 4 samples 196 more, from a volume seven times as large as the cache, add at most the cache."""
    values = np.random.default_rng(0).integers(0, 256, (384, 384, 384), dtype=np.uint8)
    path = write_volume(tmp_path / "raw", values, chunks=(64, 64, 64))
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], stdout=subprocess.PIPE, text=True, check=True)
    assert float(done.stdout) < 36  # MiB; without a bound it would be the 52 MiB of the volume
