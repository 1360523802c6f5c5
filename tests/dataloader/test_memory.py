"""Reused memory never shows."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from cellmap_data.buffers import BatchSpec
from cellmap_data.dataloader import CellMapDataLoader
from tests.toy import EXECUTORS, Toy, executor_id, is_right

every_executor = pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)


@pytest.mark.executor
@every_executor
def test_two_hundred_kept_batches_are_all_different_and_right(options):
    """Batches that are kept are never overwritten by later ones."""
    with CellMapDataLoader(Toy(400), batch_size=2, **options) as loader:
        batches = list(loader)
        assert len(batches) == 200
        assert all(is_right(batch) for batch in batches)
        assert len({batch["x"].data_ptr() for batch in batches}) == 200


def test_a_slice_keeps_its_batch():
    """A view of one sample is enough to keep its memory from being used again."""
    loader = CellMapDataLoader(Toy(100), batch_size=2, is_train=False)
    kept = [batch["x"][1, 0, ::2].mT for batch in loader]
    assert [int(view[0, 0, 0]) for view in kept] == list(range(1, 100, 2))


@pytest.mark.executor
@every_executor
def test_memory_is_used_again(options):
    """Batches that are dropped come from a few blocks, however many batches there are."""
    with CellMapDataLoader(Toy(1000), batch_size=1, **options) as loader:
        for batch in loader:
            del batch
        provider = loader.hooks.allocate_batch(BatchSpec(shared=loader.num_workers > 0))
        assert 1 <= provider.count <= 3 + 3 * loader.num_workers


@pytest.mark.executor
@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 2}], ids=executor_id)
def test_memory_of_two_thousand_batches_is_flat(options):
    """After a warm-up the process tree holds no more after 2,000 batches of 2 MiB than before."""
    with CellMapDataLoader(Toy(2300, (1, 64, 64, 128)), batch_size=1, **options) as loader:
        iterator = iter(loader)
        for _ in range(300):
            next(iterator)
        before = tree_memory()
        for _ in range(2000):
            next(iterator)
        assert tree_memory() - before < 40 * 2**20


@pytest.mark.executor
@every_executor
def test_closing_early_again_and_again_leaves_nothing(options):
    """After 30 epochs that end early there is no thread, process, descriptor or memory left of them."""
    with CellMapDataLoader(Toy(50), batch_size=2, **options) as loader:
        next(iter(loader))  # starts what stays for good, such as the server that forks workers
    del loader
    before = footprint()
    with CellMapDataLoader(Toy(50), batch_size=2, **options) as loader:
        for _ in range(30):
            for _batch in loader:
                break
        provider = loader.hooks.allocate_batch(BatchSpec(shared=loader.num_workers > 0))
        assert provider.count <= 3 + 3 * loader.num_workers
    del loader, _batch, provider
    deadline = time.monotonic() + 20
    while more_than(before) and time.monotonic() < deadline:
        time.sleep(0.1)  # torch's queues close their pipes in threads of their own
    assert more_than(before) == {}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_that_do_not_fit_their_slot_are_right_and_counted(workers):
    """Batches of growing size, and the short last one, arrive whole; the report counts fresh memory."""
    with CellMapDataLoader(Growing(41), batch_size=2, num_workers=workers, is_train=False) as loader:
        sizes = []
        for batch in loader:
            assert is_right(batch)
            sizes.append(batch["x"].shape[-1])
        assert sizes == [1 + 8 * (i // 10) for i in range(0, 41, 2)]
        assert 0 < loader.report().outside_slots < 41


class Growing(Toy):
    """Every ten samples the patch grows."""

    def read_batch(self, indices, allocate):
        self.shape = (1, 64, 64, 1 + 8 * (indices[0] // 10))
        return super().read_batch(indices, allocate)


@pytest.mark.parametrize("workers", [0, 1])
def test_samples_changed_by_a_user_s_collate_function_arrive(workers):
    """A collate function of the user's may return anything."""
    with CellMapDataLoader(Toy(4), batch_size=2, num_workers=workers, collate_fn=collate_to_tuple) as loader:
        for total, names in loader:
            assert total.shape == (4,)
            assert names == ["idx", "noise", "x"]


def collate_to_tuple(samples):
    return torch.full((4,), len(samples)), sorted(samples[0])


def tree_memory() -> int:
    """Bytes of the process and its children, shared pages divided among those who share them."""
    gc.collect()
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(process.memory_full_info().pss for process in processes)


def more_than(before: dict[str, int]) -> dict[str, int]:
    """What there is more of than before; less, left over from an earlier test, is fine."""
    return {name: count for name, count in footprint().items() if count > before[name]}


def footprint() -> dict[str, int]:
    """What an iteration could leave behind."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {
        "threads": threading.active_count(),
        "processes": len(multiprocessing.active_children()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "mappings": sum("/dev/shm" in line for line in maps),
    }
