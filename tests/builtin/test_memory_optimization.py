"""The memory plugin."""

from __future__ import annotations

import pickle

import pytest
import torch

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.buffers import BatchSpec
from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.plugins import MemoryOptimizationPlugin
from tests.toy import Toy, is_right


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_from_few_blocks(workers):
    """However many batches there are, the plugin keeps a handful of blocks."""
    with EnhancedCellMapDataLoader(Toy(600), batch_size=2, num_workers=workers, max_prefetch=4) as loader:
        for batch in loader:
            assert is_right(batch)
        provider = loader.get_plugin("memory_optimization").provide(BatchSpec(shared=workers > 0))
        assert 1 <= provider.count <= 4 + 3 * max(1, workers)
        del batch


def test_kept_batches_keep_their_memory():
    """A list of all batches holds different ones, reading ahead or not."""
    batches = list(EnhancedCellMapDataLoader(Toy(200), batch_size=2))
    assert all(is_right(batch) for batch in batches)
    assert len({batch["x"].data_ptr() for batch in batches}) == 100


def test_one_provider_for_each_kind_of_memory():
    """The same kind of memory comes from the same provider, and copies of the plugin start without any."""
    plugin = MemoryOptimizationPlugin()
    assert plugin.provide(BatchSpec()) is plugin.provide(BatchSpec())
    assert plugin.provide(BatchSpec()) is not plugin.provide(BatchSpec(shared=True))
    copy = pickle.loads(pickle.dumps(plugin))
    assert copy.provide(BatchSpec()) is not plugin.provide(BatchSpec())


def test_on_the_cpu_batches_pass_untouched():
    """Without CUDA nothing is copied for the sake of pooling."""
    batch = {"x": torch.zeros(3)}
    assert MemoryOptimizationPlugin(DeviceManager("cpu")).page_lock(batch) is batch


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("workers", [0, 2])
def test_with_cuda_batches_are_page_locked(workers):
    """With a CUDA device batches leave the plugin in page-locked memory, with and without workers."""
    with EnhancedCellMapDataLoader(
        Toy(60), batch_size=2, num_workers=workers, device="cuda", enable_device_transfer=False
    ) as loader:
        for batch in loader:
            assert batch["x"].is_pinned()
            assert is_right(batch)
