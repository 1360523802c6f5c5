"""From samples to a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.buffers import Arena, BatchMemory
from cellmap_data.dataloader.collate import collate, lay
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


def test_new_tensors_are_copied_by_who_lays_them():
    """What a transform made lies where the batch is before collation, which copies nothing then."""
    memory, array = memory_with_rows()
    samples = [lay({"x": torch.from_numpy(row) * 2}, n, memory) for n, row in enumerate(array)]
    batch = collate(samples, memory)
    assert batch["x"].data_ptr() == samples[0]["x"].data_ptr()
    assert torch.equal(batch["x"], torch.from_numpy(array) * 2)


def test_what_lies_in_place_is_not_laid():
    """Tensors that are rows of the memory they were read into stay themselves."""
    memory, array = memory_with_rows()
    row = torch.from_numpy(array[1])
    assert lay({"x": row}, 1, memory)["x"] is row


KINDS = {
    "new": lambda x: x + 1,
    "row": lambda x: x,
    "turned": lambda x: x.T,
    "wide": lambda x: x.double(),
    "short": lambda x: x[:1],
    "bfloat16": lambda x: x.to(torch.bfloat16),
    "sparse": lambda x: x.to_sparse(),
    "text": lambda _: "a",
}


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=3, max_size=3), st.integers(1, 3))
def test_laid_samples_make_the_same_batch(kinds, times):
    """However often a sample is laid, and whatever it holds, the batch is that of samples as they were."""

    def outcome(samples, memory):
        try:
            value = collate(samples, memory)["x"]
        except (SampleMismatchError, NotImplementedError) as error:
            return type(error).__name__
        return [row if isinstance(row, str) else row.to_dense().tolist() for row in value]

    memory, array = memory_with_rows()
    samples = [{"x": KINDS[kind](torch.from_numpy(row))} for kind, row in zip(kinds, array, strict=True)]
    expected = outcome([dict(sample) for sample in samples], None)
    for _ in range(times):
        samples = [lay(sample, row, memory) for row, sample in enumerate(samples)]
    assert outcome(samples, memory) == expected


def test_a_row_is_laid_once():
    """A sample that comes a second time, changed, does not overwrite the first."""
    memory, _ = memory_with_rows()
    first = lay({"x": torch.ones(2, 2)}, 0, memory)
    second = lay({"x": first["x"].T + 1}, 0, memory)
    assert first["x"].tolist() == [[1, 1], [1, 1]]
    assert second["x"].tolist() == [[2, 2], [2, 2]]


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
