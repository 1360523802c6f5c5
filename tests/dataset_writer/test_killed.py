"""Predictions that are killed: what was done stays done, and the rest comes out the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cellmap_data import CellMapDatasetWriter
from cellmap_data.testing import write_volume
from tests.dataset_writer.models import CUBE, double
from tests.dataset_writer.outputs import files

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_a_prediction_killed_twenty_times_ends_as_if_it_had_not_been(tmp_path) -> None:
    """At random moments of predicting and writing, resumed each time: the same files with the same bytes."""
    values = np.random.default_rng(0).integers(0, 255, (40, 40, 40), dtype=np.uint8)
    raw = write_volume(tmp_path / "raw.zarr", values)
    program = [sys.executable, "-m", "tests.dataset_writer.programs.killed"]
    ran = subprocess.run(
        [*program, raw, str(tmp_path / "killed.zarr"), "20", "1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == {"killed": [-9] * 20, "last": 0}, ran.stderr
    whole = CellMapDatasetWriter(raw, str(tmp_path / "whole.zarr"), ["nuc"], {"raw": CUBE}, {"output": CUBE})
    whole.predict(double, batch_size=4, overlap=2, window_bytes=8**3 * 8)
    assert files(tmp_path / "killed.zarr") == files(tmp_path / "whole.zarr")
