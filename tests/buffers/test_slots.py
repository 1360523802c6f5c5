"""Slots and leases."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from cellmap_data.buffers import Arena, BatchMemory, BatchSpec, SlotProvider
from cellmap_data.errors import LoaderError

KINDS = pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])


def leased(provider, run=None):
    run = run or provider.new_run()
    slot = provider.take(run)
    return slot, provider.lease(slot, run)


@KINDS
def test_a_slot_returns_with_the_last_reference_to_any_view_of_it(shared):
    """A slot is used again only when neither a tensor nor a view of one refers to it."""
    provider = SlotProvider(BatchSpec(shared))
    provider.expect(10_000)
    _, root = leased(provider)
    view = torch.from_numpy(root[64:128].view(np.float32).reshape(4, 4))[1:, 2:].T
    view.fill_(3)
    del root
    other, _ = leased(provider)
    assert provider.count == 2
    assert (view == 3).all()
    del view
    again, _ = leased(provider)
    assert provider.count == 2
    assert again is not other


@KINDS
def test_returning_twice_or_late_returns_nothing(shared):
    """Only the current owner can give a slot back: a late or second return changes nothing."""
    provider = SlotProvider(BatchSpec(shared))
    provider.expect(100)
    run = provider.new_run()
    slot = provider.take(run)
    root = provider.lease(slot, run)
    provider.give_back(slot, run)
    provider.reclaim(run)
    assert provider.take(run) is not slot
    del root
    reused = provider.take(provider.new_run())
    assert reused is slot
    provider.reclaim(run)
    assert slot.owner
    assert slot.owner != run


def test_a_reclaimed_slot_gives_no_lease():
    """A batch that arrives after its run was closed gets no memory that now belongs to another."""
    provider = SlotProvider(BatchSpec())
    provider.expect(100)
    run = provider.new_run()
    slot = provider.take(run)
    provider.reclaim(run)
    assert provider.lease(slot, run) is None


@KINDS
def test_larger_batches_replace_smaller_slots(shared):
    """When batches grow, free small slots are given up for larger ones instead of piling up."""
    provider = SlotProvider(BatchSpec(shared))
    provider.expect(4096)
    leased(provider)
    provider.expect(3 * 4096)
    slot, _ = leased(provider)
    assert slot.nbytes == provider.nbytes == 3 * 4096
    assert provider.count == 1


def test_no_slot_before_a_size_is_known():
    """The first batch of unknown size gets fresh memory."""
    assert SlotProvider(BatchSpec()).take(1) is None


def test_a_slot_a_worker_still_refers_to_is_not_used_again():
    """What a plugin in a worker keeps is not overwritten by a later batch."""
    provider = SlotProvider(BatchSpec(shared=True))
    provider.expect(100)
    slot, root = leased(provider)
    provider.memory.hold(slot.number, 1)
    del root
    assert leased(provider)[0] is not slot
    provider.memory.hold(slot.number, -1)
    assert leased(provider)[0] is slot


def test_shared_memory_leaves_nothing_behind(tmp_path):
    """No name, descriptor or mapping survives a provider, even with slots in use at the end."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    provider = SlotProvider(BatchSpec(shared=True))
    provider.expect(1 << 20)
    _, root = leased(provider)
    root[:] = 1
    assert len(os.listdir("/proc/self/fd")) > before
    del provider
    assert root.sum() == 1 << 20
    del root
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_file_system_is_an_error_and_not_the_end_of_the_process():
    """When shared memory is full the message says how much was wanted; nobody is killed by a bus error."""
    provider = SlotProvider(BatchSpec(shared=True))
    provider.expect(1 << 60)
    with pytest.raises(LoaderError, match="no room for a batch in shared memory"):
        provider.take(provider.new_run())


def test_leases_may_outlive_the_interpreter_s_last_breath():
    """A lease that is alive at exit is no error and prints nothing."""
    code = (
        "from cellmap_data.buffers import SlotProvider, BatchSpec\n"
        "p = SlotProvider(BatchSpec(True)); p.expect(9); r = p.new_run(); keep = p.lease(p.take(r), r)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, check=True)
    assert done.stderr == b""


def test_an_arena_falls_back_to_fresh_and_counts():
    """What does not fit a slot still gets memory, and the arena says how large the slot should have been."""
    root = np.zeros(256, np.uint8)
    arena = Arena(root)
    inside, beyond = arena.allocate((32,), np.float32), arena.allocate((64,), np.float32)
    assert arena.offset_of(inside) == 0
    assert arena.offset_of(beyond) is None
    assert (arena.needed, arena.outside) == (128 + 256, 1)


def test_rows_of_a_batch_share_one_array():
    """Two threads that read different samples of a batch write into rows of the same array."""
    memory = BatchMemory(4, Arena())
    first = memory.claim(0, 1)("raw", (1, 2, 2), np.uint8)
    rest = memory.claim(1, 3)("raw", (3, 2, 2), np.uint8)
    assert first.base is not None
    assert np.shares_memory(memory.arrays["raw"][0], first)
    assert np.shares_memory(memory.arrays["raw"][1:], rest)


def test_rows_are_given_once():
    """Whoever reads a sample a second time, while the first may still be writing it, gets other memory."""
    memory = BatchMemory(4, Arena())
    first = memory.claim(0, 4)("raw", (4, 2, 2), np.uint8)
    second = memory.claim(2, 1)("raw", (1, 2, 2), np.uint8)
    assert not np.shares_memory(first, second)


def test_many_slots_cost_few_descriptors():
    """A program that keeps thousands of batches does not run out of descriptors."""
    before = len(os.listdir("/proc/self/fd"))
    provider = SlotProvider(BatchSpec(shared=True))
    provider.expect(4096)
    kept = [leased(provider)[1] for _ in range(3000)]
    kept[0][:], kept[-1][:] = 1, 2
    assert provider.count == 3000
    assert (kept[0].sum(), kept[-1].sum()) == (4096, 8192)
    assert len(os.listdir("/proc/self/fd")) - before <= 4


def test_a_batch_may_be_larger_than_a_segment():
    """A block beyond the size that is mapped at a time has a mapping of its own."""
    provider = SlotProvider(BatchSpec(shared=True))
    provider.expect(100)
    _, small = leased(provider)
    provider.expect(300 << 20)
    _, large = leased(provider)
    provider.expect(100)
    small[:], large[-1] = 1, 2
    _, other = leased(provider)
    other[:] = 3
    assert (small == 1).all()
    assert large[-1] == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@KINDS
def test_pinned_slots_are_pinned(shared):
    """With CUDA, batches lie in page-locked memory, shared with workers or not."""
    provider = SlotProvider(BatchSpec(shared, pinned=True))
    provider.expect(1 << 16)
    _, root = leased(provider)
    assert torch.from_numpy(root).is_pinned()
    assert torch.equal(torch.from_numpy(root).to("cuda", non_blocking=True).cpu(), torch.from_numpy(root))
