"""Several ranks of one training, as real processes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing

from cellmap_data.dataloader import CellMapDataLoader
from tests.toy import Toy, seeded


def train(rank: int, world: int, folder: Path, workers: int) -> None:
    """One rank: write down the samples of two epochs."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world
    )
    with CellMapDataLoader(Toy(22), batch_size=3, rng=seeded(), num_workers=workers) as loader:
        epochs = [[batch["idx"].tolist() for batch in loader] for _ in range(2)]
    (folder / f"rank{rank}.json").write_text(json.dumps(epochs))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("workers", [0, 1])
def test_two_ranks_see_disjoint_halves_of_one_epoch(tmp_path, workers):
    """With torch.distributed, ranks share each epoch: equally many batches, every position once in all."""
    torch.multiprocessing.start_processes(train, (2, tmp_path, workers), nprocs=2, start_method="spawn")
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    for first, second in zip(*ranks, strict=True):
        assert list(map(len, first)) == list(map(len, second)) == [3, 3, 3, 2]
        assert sorted(itertools.chain(*first, *second)) == list(range(22))
    assert ranks[0][0] != ranks[0][1]
