"""The code that docs/writing.md shows of single images, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import zarr

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
