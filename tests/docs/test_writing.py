"""The code that docs/writing.md shows, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

from cellmap_data import CellMapImage

PAGE = Path(__file__).parents[2] / "docs" / "writing.md"
BLOCKS = dict(
    re.findall(r"## ([\w ]+)\n(?:(?!## ).)*?```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is bound after the first block of the page."""
    monkeypatch.chdir(tmp_path)
    return run("Single images", {"__name__": "page"})


def run(section: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(compile(BLOCKS[section], f"writing.md, {section}", "exec"), names)
    return names


def test_a_single_image(names: dict[str, Any]) -> None:
    """Probabilities fill the integers, and a coarser level shows their mean."""
    finest = zarr.open_group("predictions.zarr", mode="r")["mito/s0"][...]
    assert (finest.min(), finest.max(), finest.shape) == (0, 255, (100, 200, 200))
    assert abs(names["patch"].mean() - 127.5) < 1


def test_a_ledger(names: dict[str, Any]) -> None:
    """All blocks are written again, and none is left."""
    run("The ledger", names)
    assert list(names["ledger"].remaining(len(names["resumed"].blocks))) == []
    assert (zarr.open_group("predictions.zarr", mode="r")["mito/s0"][...] == 255).all()


def test_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks before those of single images, one after the other, write what the text says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    predictions = PAGE.read_text().split("## Single images")[0]
    for block in re.findall(r"```python\n(.*?)```", predictions, flags=re.DOTALL):
        exec(compile(block, "writing.md", "exec"), names)
    assert str(names["done"]) in predictions
    assert len(names["writer"].writer_indices) == 0
    centre = {"z": 196, "y": 156, "x": 236}
    looped, blended, threads = (
        CellMapImage(f"{name}.zarr/nuc", "nuc", (8, 8, 8), (50, 40, 60))[centre]
        for name in ("loop", "overlap", "threads")
    )
    assert float(looped.std()) > 0
    assert torch.allclose(looped[:12, :12, :12], blended[:12, :12, :12], atol=1e-5)
    assert np.isfinite(threads.numpy()).all()
    assert CellMapImage("small.zarr/er", "er", (16, 16, 16), (2, 2, 2)).scale_level == 1
