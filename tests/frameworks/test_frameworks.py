"""Training frameworks, real ones, in processes of their own, on one rank and on two."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"


def run(program: str, ranks: int, *arguments: object) -> None:
    """Run a program, with torchrun on several ranks."""
    launcher = (
        [] if ranks == 1 else ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    )
    command = [sys.executable, *launcher, str(PROGRAMS / program), *map(str, arguments)]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def seen(folder: Path, rank: int) -> dict[int, list[list[int]]]:
    """The positions of each batch of a rank, by epoch."""
    batches = json.loads((folder / f"rank{rank}.json").read_text())["seen"]
    by_epoch: dict[int, list[list[int]]] = {}
    for epoch, shape, positions in batches:
        assert shape == [len(positions), 1, 4, 4, 4]
        by_epoch.setdefault(epoch, []).append(positions)
    return by_epoch


def check_hooks(folder: Path, rank: int, epochs: int) -> None:
    """Each hook fired once for what a rank saw and nothing else, in the consumer's main thread, in order."""
    rows = [line.split("|") for line in (folder / f"hooks{rank}").read_text().splitlines()]
    batches = [str(batch) for batch in itertools.chain(*seen(folder, rank).values())]
    for hook in ("post_collate", "post_batch"):
        calls = [row for row in rows if row[0] == hook]
        assert [row[1] for row in calls] == batches, hook
        assert {tuple(row[2:]) for row in calls} == {("home", "main")}
    samples = Counter(row[1] for row in rows if row[0] == "post_sample")
    wanted = Counter(str(i) for batch in itertools.chain(*seen(folder, rank).values()) for i in batch)
    assert samples == wanted
    assert [row[1] for row in rows if row[0] == "pre_epoch"] == [str(epoch) for epoch in range(epochs)]
    assert [row[1] for row in rows if row[0] == "post_epoch"] == [str(epoch) for epoch in range(epochs)]


@pytest.mark.parametrize("workers", [0, 2])
def test_lightning_takes_the_loader_itself(tmp_path, workers) -> None:
    """Trainer.fit(model, loader): a batch fires each hook once and moves once, an epoch has each position."""
    run("fit.py", 1, tmp_path, workers, 2)
    check_hooks(tmp_path, 0, 2)
    epochs = seen(tmp_path, 0)
    assert [sorted(itertools.chain(*batches)) for batches in epochs.values()] == [list(range(22))] * 2
    assert json.loads((tmp_path / "rank0.json").read_text())["moved"] == 16


def test_two_ranks_of_lightning_share_an_epoch(tmp_path) -> None:
    """Although the loader was made before the process group, and without a seed: disjoint halves."""
    run("fit.py", 2, tmp_path, 1, 2)
    ranks = [seen(tmp_path, rank) for rank in range(2)]
    for epoch in range(2):
        first, second = (rank[epoch] for rank in ranks)
        assert list(map(len, first)) == list(map(len, second)) == [3, 3, 3, 2]
        assert sorted(itertools.chain(*first, *second)) == list(range(22))
    for rank in range(2):
        check_hooks(tmp_path, rank, 2)


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 1)])
def test_accelerate_prepares_the_stock_loader(tmp_path, ranks, workers) -> None:
    """accelerator.prepare(loader.loader): ranks are split once, each hook fires once for each batch."""
    run("accelerated.py", ranks, tmp_path, workers)
    for epoch in range(2):
        batches = [seen(tmp_path, rank)[epoch] for rank in range(ranks)]
        assert [len(rank) for rank in batches] == [8 // ranks] * ranks
        assert sorted(itertools.chain(*itertools.chain(*batches))) == list(range(24))
    for rank in range(ranks):
        check_hooks(tmp_path, rank, 2)
