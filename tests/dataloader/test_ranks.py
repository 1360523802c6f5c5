"""Several ranks of one training, as real processes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.sampler import ClassBalancedSampler, UniformSampler, WeightedSampler
from tests.sampler.test_class_balanced import Crops
from tests.toy import Toy, seeded

SIZE = 22
KINDS = ("plain", "weighted", "balanced", "uniform")


def made(kind: str, workers: int = 0) -> CellMapDataLoader:
    """A loader of 22 toys."""
    samplers = {
        "plain": lambda: None,
        "weighted": lambda: WeightedSampler([2, 20], [1, 1]),
        "balanced": lambda: ClassBalancedSampler(Crops([2, 12, 8], [[1, 0], [0, 1], [1, 1]])),
        "uniform": lambda: UniformSampler(SIZE, seed=8),
    }
    options = {"batch_size": 3, "rng": seeded(), "num_workers": workers}
    return CellMapDataLoader(Toy(SIZE), sampler=samplers[kind](), **options)


def samples(loader) -> list[list]:
    """The samples of an epoch: index and noise."""
    return [
        [int(i), *noise.tolist()]
        for batch in loader
        for i, noise in zip(batch["idx"], batch["noise"], strict=True)
    ]


def foreign(loader) -> list[int]:
    """What somebody's own DataLoader around the batch sampler gets."""
    inner = loader.loader
    around = DataLoader(inner.dataset, batch_sampler=inner.batch_sampler, collate_fn=inner.collate_fn)
    return [i for batch in around for i in batch["idx"].tolist()]


def train(rank: int, world: int, folder: Path, workers: int) -> None:
    """One rank: write down the samples of two epochs, the second resumed, with each sampler."""
    loaders = {kind: made(kind, workers) for kind in KINDS}  # ranks are asked when iteration begins
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world
    )
    seen = {}
    for kind, loader in loaders.items():
        with loader, made(kind) as other:
            first = samples(loader)
            next(iter(loader))
            state = loader.state_dict()
            other.load_state_dict(state)
            seen[kind] = {"epoch": first, "state": state, "rest": samples(other), "length": len(loader)}
    alone = UniformSampler(SIZE, seed=8)
    seen["alone"] = [int(i) for batch in DataLoader(Toy(SIZE), 4, sampler=alone) for i in batch["idx"]]
    seen["foreign"] = foreign(made("plain"))
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("workers", [0, 1])
def test_two_ranks_are_one_run(tmp_path, workers):
    """Ranks draw disjoint samples that together are the epoch of one process, whatever samples."""
    torch.multiprocessing.start_processes(train, (2, tmp_path, workers), nprocs=2, start_method="spawn")
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    for kind in KINDS:
        with made(kind) as loader:
            whole, second = samples(loader), samples(loader)
        one, two = (rank[kind] for rank in ranks)
        assert interleaved(one["epoch"], two["epoch"]) == whole
        assert not {tuple(sample) for sample in one["epoch"]} & {tuple(sample) for sample in two["epoch"]}
        assert one["length"] == two["length"] == 4
        assert one["state"] == two["state"]
        assert one["state"]["k"] == 6
        assert interleaved(one["rest"], two["rest"]) == second[6:]
    assert interleaved(ranks[0]["alone"], ranks[1]["alone"]) == list(UniformSampler(SIZE, seed=8))
    assert sorted(ranks[0]["foreign"]) == list(range(SIZE))
    assert ranks[0]["foreign"] == ranks[1]["foreign"]


def interleaved(*several) -> list:
    """What ranks drew, in the order of places."""
    return list(itertools.chain(*zip(*several, strict=True)))
