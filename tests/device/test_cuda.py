"""What needs a CUDA device: page-locked memory and copies beside the computation."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from cellmap_data.device import DeviceManager

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def test_pooled_memory_is_page_locked_and_used_again() -> None:
    """Tensors for a GPU come from memory that copies without waiting."""
    manager = DeviceManager("cuda")
    tensor = manager.pool_tensor(torch.arange(1000.0))
    assert tensor.is_pinned()
    address = tensor.data_ptr()
    del tensor
    assert manager.pool_tensor(torch.ones(1000)).data_ptr() == address


@pytest.mark.parametrize("pinned", [True, False], ids=["page-locked", "pageable"])
@pytest.mark.parametrize("non_blocking", [True, False], ids=["background", "waiting"])
def test_values_arrive_whole(pinned: bool, non_blocking: bool) -> None:
    """Work queued right after the copy sees all of it, batch after batch."""
    manager = DeviceManager("cuda")
    for number in range(50):
        source = torch.full((1 << 20,), float(number))
        batch = {"raw": manager.pool_tensor(source) if pinned else source, "name": ["a"]}
        moved = manager.to_device(batch, non_blocking=non_blocking)
        assert moved["raw"].is_cuda
        assert (moved["raw"] == number).all().item()


def test_a_source_is_kept_until_its_copy_is_done() -> None:
    """Memory that is still being read by the device is not lent again, even if its tensor is dropped."""
    manager = DeviceManager("cuda")
    side = torch.cuda.Stream()
    manager._copier._streams[torch.cuda.current_device()] = side
    with torch.cuda.stream(side):
        torch.cuda._sleep(200_000_000)  # the copy queues up behind this
    source = manager.pool_tensor(torch.full((1 << 16,), 1.0))
    reference = weakref.ref(source)
    moved = manager.to_device(source)
    del source
    gc.collect()
    assert reference() is not None
    for _ in range(5):
        manager.pool_tensor(torch.full((1 << 16,), 2.0))
    torch.cuda.synchronize()
    assert (moved == 1).all().item()
    manager.to_device(torch.ones(1))
    assert reference() is None


def test_memory_on_the_device_is_not_handed_out_while_it_is_computed_with() -> None:
    """Dropping a moved tensor early does not let the next copy overwrite what queued work reads."""
    manager = DeviceManager("cuda")
    results = []
    for number in range(50):
        moved = manager.to_device(manager.pool_tensor(torch.full((1 << 20,), float(number))))
        torch.cuda._sleep(1_000_000)
        results.append(moved.mean())
        del moved
    assert [result.item() for result in results] == list(range(50))
