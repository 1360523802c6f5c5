"""What a loader reads is counted, wherever it is read."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataLoader, CellMapDataset, EnhancedCellMapDataLoader, storage
from cellmap_data.dataloader.board import Board
from cellmap_data.dataloader.traffic import Traffic
from tests.toy import EXECUTORS, Slow, Toy, executor_id
from tests.volumes import write_multiscale

SIZE, CHUNK, PATCH = 48, 16, 8


@pytest.fixture
def dataset(tmp_path):
    """Raw and one class of uint16, in chunks that no file leaves out."""
    data = np.random.default_rng(0).integers(1, 999, (SIZE,) * 3, dtype=np.uint16)
    arrays = {"shape": (PATCH,) * 3, "scale": (8, 8, 8)}
    raw = write_multiscale(tmp_path / "raw", data, chunks=(CHUNK,) * 3)
    write_multiscale(tmp_path / "labels" / "a", data, chunks=(CHUNK,) * 3)
    return CellMapDataset(raw, f"{tmp_path}/labels/[a]", ["a"], {"raw": arrays}, {"labels": arrays})


@pytest.fixture
def budget():
    """Set the budget of the cache, and reset it."""
    yield storage.set_cache_budget
    storage.set_cache_budget(None)


def expected(dataset, indices):
    """Chunks that the patches touch, by enumeration."""
    chunks = 0
    for index in indices:
        centre = dataset.get_center(index)
        first = [round(centre[axis] / 8 - (PATCH - 1) / 2) for axis in "zyx"]
        chunks += np.prod([len({v // CHUNK for v in range(f, f + PATCH)}) for f in first])
    return 2 * int(chunks)  # raw and the class


@pytest.mark.executor
@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader], ids=["plain", "enhanced"])
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_what_is_used_and_touched_is_exact(options, kind, dataset, budget):
    """Every patch and every chunk it lies in, from each thread and worker, as enumeration has it."""
    budget(0)
    with kind(dataset, batch_size=4, iterations_per_epoch=5, device="cpu", **options) as loader:
        indices = [int(i) for batch in loader for i in batch["idx"]]
        traffic = loader.report().traffic
    assert traffic.used == 20 * 2 * PATCH**3 * 2
    assert traffic.chunks == expected(dataset, indices)
    assert traffic.touched == traffic.chunks * CHUNK**3 * 2
    assert traffic.read > 0
    assert traffic.unpacked > 0  # without a cache there is nothing to miss


def test_the_cache_shows_in_what_is_decoded(dataset, budget):
    """A second epoch over cached chunks decodes nothing: bytes read stay, and the share of hits grows."""
    budget(1 << 26)
    with CellMapDataLoader(dataset, batch_size=8, iterations_per_epoch=30) as loader:
        list(loader)
        first = loader.report().traffic
        list(loader)
        second = loader.report().traffic
    stored = 2 * (SIZE // CHUNK) ** 3
    assert first.misses <= stored + 4  # and the metadata of the arrays
    assert second.read == first.read
    assert second.hit_share > first.hit_share
    assert second.amplification < first.amplification
    assert first.evicted == second.evicted == 0


def test_a_cache_that_is_too_small_evicts(dataset, budget):
    """And the report says how often."""
    budget(4 * CHUNK**3 * 2)
    with CellMapDataLoader(dataset, batch_size=8, iterations_per_epoch=10) as loader:
        list(loader)
        assert loader.report().traffic.evicted > 0
    dataset.close()


def test_datasets_of_others_are_reported_without_bytes():
    """Nothing is known of what they read, so nothing is shown."""
    with CellMapDataLoader(Toy(8), batch_size=2) as loader:
        list(loader)
        assert loader.report().traffic == Traffic()
        assert "Bytes" not in str(loader.report())


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_batches_that_wait_for_the_consumer_are_counted(options):
    """With a consumer that takes its time, some are ready when it asks; with a slow dataset, none mostly."""
    with EnhancedCellMapDataLoader(Toy(40), batch_size=2, device="cpu", **options) as loader:
        for _ in loader:
            time.sleep(0.02)
        report = loader.report()
    assert report.queue_depth > 0.5
    assert report.lock_delay < report.seconds["step"]
    assert (report.lock_delay > 0) == (report.num_workers == 0)  # the lock of a worker is not the consumer's
    with CellMapDataLoader(Slow(8), batch_size=2) as loader:
        list(loader)
        assert loader.report().queue_depth == 0


def test_each_run_is_counted_anew():
    """What workers finished of another run is none of this one's; each counts for itself."""
    board = Board(3, workers=2)
    for worker in (0, 1, 1):
        board.count(worker, run=5)
    assert (board.counted(5), board.counted(6)) == (3, 0)
    board.count(0, run=6)
    assert (board.counted(5), board.counted(6)) == (2, 1)
    board.write([True, False, True])
    assert board.read() == [True, False, True]


def test_ranges_show_in_the_profiler_and_only_there():
    """A trace of a loop has the loader's stages by name."""
    loader = CellMapDataLoader(Toy(4), batch_size=2)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        list(loader)
    names = {event.key for event in profile.key_averages()}
    assert {f"cellmap_data.{stage}" for stage in ("wait", "read", "collate", "post_collate")} <= names
