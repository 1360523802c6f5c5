"""The programs under examples/, as a user starts them, on a small volume of real data."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cellmap_data.cli.demo.sample import load_nuclei
from cellmap_data.cli.demo.volume import write_volume

ROOT = Path(__file__).parents[2]
RAW, LABELS = "nuclei.zarr/raw", "nuclei.zarr/train/labels/[nuclei,boundary]"
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a volume and a table of its crops."""
    folder = tmp_path_factory.mktemp("examples")
    write_volume(folder / "nuclei.zarr", load_nuclei())
    with (folder / "datasplit.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["split", "raw_path", "gt_path"])
        table.writerow(["train", RAW, LABELS])
        table.writerow(["validate", RAW, LABELS.replace("train", "heldout")])
    return folder


def run(folder: Path, script: str, *arguments: str, launcher: tuple[str, ...] = ()) -> str:
    """Start a script in a folder; what it prints."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *launcher, str(ROOT / "examples" / script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("train_2d.py", "(8, 1, 64, 64) -> loss"),
        ("train_two_scales.py", "coarse"),
        ("train_with_refresh.py", "40 positions of"),
    ],
)
def test_scripts_train(folder, script, line) -> None:
    """Sections, targets of two voxel sizes, and a new subset for each epoch: each line is a step."""
    printed = run(folder, script, RAW, LABELS.replace(",boundary", ""), "nuclei").splitlines()
    assert len(printed) == (3 if "refresh" in script else 10)
    assert all(line in step and "nan" not in step for step in printed)


def test_training_from_a_table(folder) -> None:
    """Crops from a CSV file, classes weighted, validation tiles, and a figure for each class."""
    small = ["--shape", "8", "32", "32", "--batches", "3", "--epochs", "1", "--output", "figures"]
    printed = run(folder, "train_from_csv.py", "datasplit.csv", "nuclei,boundary", *small)
    assert printed.startswith("epoch 0: loss ")
    assert "nan" not in printed
    for name in ("nuclei", "boundary"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000


@pytest.mark.parametrize("script", ["train_ddp.py", "train_accelerate.py"])
def test_two_ranks_share_an_epoch(folder, script) -> None:
    """Started by torchrun on two ranks, a script trains each on samples of its own."""
    printed = run(folder, script, RAW, LABELS, "nuclei", "boundary", launcher=TORCHRUN)
    found = re.findall(r"rank \d: \[([\d, ]+)\]", printed)
    ranks = [set(map(int, positions.split(", "))) for positions in found]
    assert [len(rank) for rank in ranks] == [20, 20]
    assert not ranks[0] & ranks[1]


def test_lightning_trains_from_a_table(folder) -> None:
    """A data module made of a split: training, validation, and its loss among the trainer's metrics."""
    printed = run(folder, "train_lightning.py", "datasplit.csv", "nuclei,boundary")
    assert "{'validation': 0." in printed
