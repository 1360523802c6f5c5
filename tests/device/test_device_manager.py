"""One truth about the device: choosing it, moving there, pooled memory."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.errors import ConfigurationError


class Pair(NamedTuple):
    image: torch.Tensor
    name: str


def nested() -> dict[str, Any]:
    return {
        "raw": torch.arange(4.0),
        "list": [torch.zeros(2), "text", None],
        "tuple": (torch.ones(1), 3),
        "pair": Pair(torch.ones(2), "a"),
        "ordered": OrderedDict(z=torch.ones(1), a=torch.zeros(1)),
        "default": defaultdict(list, x=torch.ones(1)),
        "array": np.arange(3),
    }


def test_every_tensor_of_a_nested_batch_is_moved_and_nothing_else() -> None:
    """Containers keep their types, other values pass by, the given batch is not changed."""
    batch = nested()
    moved = DeviceManager("meta").to_device(batch)
    tensors = [
        moved["raw"],
        moved["list"][0],
        moved["tuple"][0],
        moved["pair"].image,
        *moved["ordered"].values(),
        moved["default"]["x"],
    ]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert [type(moved[key]) for key in moved] == [type(batch[key]) for key in batch]
    assert moved["array"] is batch["array"]
    assert (moved["list"][1:], moved["tuple"][1], moved["pair"].name) == (["text", None], 3, "a")
    assert list(moved["ordered"]) == ["z", "a"]
    assert moved["default"].default_factory is list
    assert batch["raw"].device.type == batch["default"]["x"].device.type == "cpu"


def test_a_tensor_in_place_already_is_passed_on() -> None:
    """Moving to where everything is copies nothing."""
    batch = nested()
    assert DeviceManager("cpu").to_device(batch)["raw"] is batch["raw"]


@pytest.mark.parametrize("device", ["meta", torch.device("meta")], ids=["text", "object"])
def test_a_call_may_name_another_device(device: Any) -> None:
    """The argument wins over the manager's device, which stays."""
    manager = DeviceManager("cpu")
    assert manager.to_device(torch.ones(1), device).device.type == "meta"
    assert manager.device == torch.device("cpu")


def test_the_device_can_be_changed() -> None:
    """What is assigned is where the next batch goes; None looks for the best again."""
    manager = DeviceManager("cpu")
    manager.device = "meta"
    assert manager.to_device(torch.ones(1)).is_meta
    manager.device = None
    assert manager.device == manager.select_device()


def test_the_best_device_is_taken_in_the_order_cuda_mps_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Availability is asked of torch; a preference is taken as it is."""
    manager = DeviceManager()
    for cuda, mps, expected in [(1, 1, "cuda"), (0, 1, "mps"), (1, 0, "cuda"), (0, 0, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: bool(cuda))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: bool(mps))
        assert manager.select_device().type == expected
        assert manager.select_device("cuda:3") == torch.device("cuda", 3)


@pytest.mark.parametrize("device", ["gpu", 1.5, "cuda:x"], ids=str)
def test_what_is_no_device_is_refused(device: Any) -> None:
    """The message shows what was given, before any batch is made."""
    with pytest.raises(ConfigurationError, match=str(device)):
        DeviceManager(device)


def test_importing_and_making_a_manager_asks_no_driver() -> None:
    """A process that only plans, or a worker, does not touch CUDA."""
    code = """
import pickle, torch
def probed(): raise SystemExit("probed")
torch.cuda.is_available = torch.backends.mps.is_available = torch.cuda.current_stream = probed
from cellmap_data.device import DeviceManager
pickle.loads(pickle.dumps(DeviceManager()))
manager = DeviceManager("cuda")
repr(manager), manager.device, manager.detect_framework()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_pickled_manager_takes_its_device_and_no_memory() -> None:
    """Pools stay where they are."""
    manager = DeviceManager("cpu")
    kept = manager.pool_tensor(torch.ones(1000, 1000))
    sent = pickle.dumps(manager)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    assert again.device == manager.device
    assert torch.equal(again.pool_tensor(kept), kept)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4),
        torch.randn(3, 5, dtype=torch.float64).T,
        torch.randn(7).bfloat16(),
        torch.tensor([True, False]),
        torch.randn(4, dtype=torch.complex64).conj(),
        torch.tensor(5),
        torch.empty(0, 3),
        torch.ones(3, requires_grad=True),
        torch.ones(2, 3).to_sparse(),
        torch.ones(2, device="meta"),
    ],
    ids=["uint8", "transposed", "bfloat16", "bool", "conj", "0-d", "empty", "grad", "sparse", "meta"],
)
def test_a_pooled_tensor_has_equal_values(tensor: torch.Tensor) -> None:
    """Shape, dtype and values are those of the original; the memory is not."""
    pooled = DeviceManager("cpu").pool_tensor(tensor)
    assert (pooled.shape, pooled.dtype, pooled.device) == (tensor.shape, tensor.dtype, tensor.device)
    if tensor.is_sparse:
        assert torch.equal(pooled.to_dense(), tensor.to_dense())
    elif not tensor.is_meta:
        assert torch.equal(pooled, tensor)
        assert not tensor.numel() or pooled.data_ptr() != tensor.data_ptr()


def test_pooled_tensors_that_are_alive_never_share_memory() -> None:
    """A list of pooled tensors of one shape holds different ones, as does a dict of equal shapes."""
    manager = DeviceManager("cpu")
    pooled = [manager.pool_tensor(torch.full((64,), float(i))) for i in range(100)]
    assert len({tensor.data_ptr() for tensor in pooled}) == 100
    assert [tensor.mean().item() for tensor in pooled] == list(range(100))


@pytest.mark.parametrize(
    "derive",
    [
        lambda tensor: tensor,
        lambda tensor: tensor[3:9].view(2, 3),
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.numpy()[::2],
        lambda tensor: tensor.detach().untyped_storage(),
        lambda tensor: torch.from_dlpack(tensor),
        lambda tensor: {"deep": [tensor.unfold(0, 4, 2)]},
    ],
    ids=["itself", "view", "array", "array-view", "storage", "dlpack", "unfold"],
)
def test_memory_is_used_again_only_after_its_last_reference_is_gone(derive: Any) -> None:
    """Whatever shares the memory keeps it; afterwards the same block is lent again."""
    manager = DeviceManager("cpu")
    tensor = manager.pool_tensor(torch.zeros(64))
    address = tensor.data_ptr()
    derived = derive(tensor)
    del tensor
    assert manager.pool_tensor(torch.ones(64)).data_ptr() != address
    del derived
    gc.collect()
    some = [manager.pool_tensor(torch.ones(64)) for _ in range(2)]
    assert address in {tensor.data_ptr() for tensor in some}


def test_free_memory_is_bounded_when_shapes_keep_changing() -> None:
    """Blocks of sizes that do not come again are given up."""
    manager = DeviceManager("cpu")
    for size in range(1, 300):
        manager.pool_tensor(torch.zeros(size))
    (pool,) = manager._pools.values()
    assert len(pool._free) < 20


def test_the_pool_may_be_used_by_several_threads() -> None:
    """No two threads are lent the same block."""
    manager = DeviceManager("cpu")
    wrong: list[int] = []

    def use(number: int) -> None:
        kept = [manager.pool_tensor(torch.full((32,), number)) for _ in range(5)]
        for _ in range(300):
            kept.append(manager.pool_tensor(torch.full((32,), number)))
            if not (kept.pop(0) == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
