"""From samples to a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data.buffers import Arena, BatchMemory
from cellmap_data.dataloader.collate import collate
from cellmap_data.errors import SampleMismatchError


def memory_with_rows(count=3):
    memory = BatchMemory(count, Arena(np.zeros(1 << 12, np.uint8)))
    array = memory.claim(0, 3)("x", (count, 2, 2), np.float32)
    array[:] = np.arange(4 * count).reshape(count, 2, 2)
    return memory, array


def test_what_lies_in_place_is_not_copied():
    """Samples that are rows of the batch's memory become the batch without a copy."""
    memory, array = memory_with_rows()
    batch = collate([{"x": torch.from_numpy(row)} for row in array], memory)
    assert batch["x"].data_ptr() == torch.from_numpy(array).data_ptr()


def test_rows_that_changed_places_are_right():
    """Samples that are views of each other's rows, as after a swap, come out as they were."""
    memory, array = memory_with_rows()
    rows = [torch.from_numpy(array[i]) for i in (1, 0, 0)]
    expected = torch.stack(rows).clone()
    assert torch.equal(collate([{"x": row} for row in rows], memory)["x"], expected)


def test_a_transposed_view_of_its_own_row_is_right():
    """A sample that a transform turned within its memory is stacked as it is seen."""
    memory, array = memory_with_rows()
    expected = torch.stack([torch.from_numpy(row).T for row in array]).clone()
    batch = collate([{"x": torch.from_numpy(row).T} for row in array], memory)
    assert torch.equal(batch["x"], expected)


def test_fields_that_exchange_their_memory_are_right():
    """A field that now holds what another was read into, or its original, keeps its values."""
    memory = BatchMemory(2, Arena(np.zeros(1 << 12, np.uint8)))
    allocate = memory.claim(0, 2)
    a, b = (torch.from_numpy(allocate(key, (2, 3), np.float32)) for key in "ab")
    a[:], b[:] = 1, 2
    samples = [{"a": b[row], "b": a[row] + 10, "old": a[row]} for row in range(2)]
    batch = collate(samples, memory)
    assert [int(batch[key].unique()) for key in ("a", "b", "old")] == [2, 11, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_new_tensors_of_any_dtype_are_stacked(dtype):
    """New fields are stacked along a first axis, dtype kept; numpy arrays count as tensors."""
    samples = [{"y": torch.full((2, 3), n).to(dtype), "z": np.full(2, n)} for n in range(3)]
    batch = collate(samples)
    assert batch["y"].dtype == dtype
    assert torch.equal(batch["y"], torch.stack([sample["y"] for sample in samples]))
    assert batch["z"].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_what_is_no_tensor_becomes_a_list():
    """Text, numbers and anything else become a list, one entry a sample; so do shapes that differ."""
    samples = [{"name": "a", "n": 1, "t": torch.zeros(n), "words": np.array(["b"])} for n in (1, 2)]
    batch = collate(samples)
    assert batch["name"] == ["a", "a"]
    assert batch["n"] == [1, 1]
    assert [words.tolist() for words in batch["words"]] == [["b"], ["b"]]
    assert [tensor.shape for tensor in batch["t"]] == [(1,), (2,)]


def test_tensors_with_a_gradient_are_stacked_without_it():
    """A transform that computes with parameters leaves no graph in the batch."""
    memory, array = memory_with_rows()
    samples = [{"x": torch.from_numpy(row) * torch.ones(1, requires_grad=True)} for row in array]
    assert not collate(samples, memory)["x"].requires_grad


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([{"idx": 1, "a": 1}, {"idx": 2}], r"sample 1 of the batch, idx 2"),
        ([{"a": torch.zeros(1)}, {"a": torch.zeros(1, dtype=torch.int32)}], r"'a' of sample 1"),
    ],
    ids=["keys", "dtypes"],
)
def test_samples_that_do_not_fit_are_named(samples, words):
    """Samples with other keys or dtypes than the first are an error that names sample and key."""
    with pytest.raises(SampleMismatchError, match=words):
        collate(samples)
