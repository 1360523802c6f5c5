"""The code that docs/transforms.md shows, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from cellmap_data.testing import write_volume

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
BLOCKS = dict(re.findall(r"## (\w+)\n.*?```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is bound after the first block of the page, run next to a small volume of the demo's name."""
    monkeypatch.chdir(tmp_path)
    volume, voxel = tmp_path / "demo_output" / "nuclei.zarr", (290, 260, 260)
    values = torch.arange(20 * 70 * 70).reshape(20, 70, 70).numpy()
    write_volume(volume / "raw", (values % 65_536).astype("uint16"), voxel)
    for name, least in {"nuclei": 30_000, "boundary": 60_000}.items():
        write_volume(volume / "train" / "labels" / name, (values > least).astype("uint8"), voxel)
    return run("Ours", {"__name__": "page"})


def run(section: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(compile(BLOCKS[section], f"transforms.md, {section}", "exec"), names)
    return names


def test_every_block_is_run_by_a_test_below() -> None:
    """A section that is added to the page needs a test."""
    assert list(BLOCKS) == ["Ours", "Yours", "torchvision", "MONAI"]
    assert PAGE.read_text().count("```python") == len(BLOCKS)


def test_our_transforms(names: dict[str, Any]) -> None:
    """Raw is scaled, noise takes it a little beyond; labels are 0 and 1."""
    raw, labels = names["sample"]["raw"], names["sample"]["labels"]
    assert raw.shape == (1, 16, 64, 64)
    assert -0.2 < raw.min() < raw.max() < 1.2
    assert labels.unique().tolist() == [0, 1]


def test_your_transforms(names: dict[str, Any]) -> None:
    """A transform that takes ``rng`` repeats itself."""
    assert run("Yours", names)["same"]


@pytest.mark.torchvision
def test_torchvision(names: dict[str, Any]) -> None:
    """Scaled by torchvision, noise included, and no label erased."""
    pytest.importorskip("torchvision", reason="make test-torchvision has it")
    sample = run("torchvision", names)["sample"]
    assert 0 <= sample["raw"].min() < sample["raw"].max() <= 1
    assert sample["labels"].unique().tolist() == [0, 1]


def test_monai(names: dict[str, Any]) -> None:
    """A batch of samples that are changed, each by its own random numbers."""
    pytest.importorskip("monai")
    batch, dataset = (run("MONAI", names)[name] for name in ("batch", "dataset"))
    assert batch["raw"].shape == (2, 1, 16, 64, 64)
    plain = torch.stack([dataset[int(i)]["raw"] for i in batch["idx"]])
    assert not batch["raw"].equal(plain)
    names["loader"].close()
