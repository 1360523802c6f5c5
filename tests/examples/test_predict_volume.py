"""The program that predicts a volume, run as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from cellmap_data import CellMapImage
from cellmap_data.testing import write_volume

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """What the program prints."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples/predict_volume.py"), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_volume_is_predicted_and_can_be_gone_on_with(tmp_path) -> None:
    """Two classes, eight bits, two levels; a second run finds nothing left to do."""
    raw = write_volume(tmp_path / "raw.zarr", np.full((40, 40, 40), 51, np.uint8))
    output = str(tmp_path / "out.zarr")
    assert "1 of 1 regions" in run(raw, output)
    for name, value in (("bright", 51), ("dark", 204)):
        for scale, shape in ((8, 40), (16, 20)):
            image = CellMapImage(f"{output}/{name}", name, (scale,) * 3, (shape,) * 3)
            values = image[dict(zip("zyx", image.stored.source.lattice.bounding_box.centre, strict=True))]
            assert (values == value).all()
            assert image.scale_level == (0 if scale == 8 else 1)
    assert "0 of 1 regions" in run(raw, output, "--resume")
