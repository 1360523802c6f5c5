"""Samples to a batch: nothing is copied that already lies where the batch is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from cellmap_data.buffers import Arena, BatchMemory
from cellmap_data.errors import SampleMismatchError, message


def collate(samples: Sequence[Any], memory: BatchMemory | None = None) -> Any:
    """Stack the samples of a batch.

    Tensors and arrays of one shape are stacked along a new first axis; anything else, and tensors of
    differing shape, become a list. Samples that are no mappings go to torch's ``default_collate``.

    Parameters
    ----------
    samples
        Mappings with the same keys.
    memory
        What the samples were read into. A field whose tensors still lie there, row by row, is taken as it
        is; others are copied next to it if they fit.

    Raises
    ------
    SampleMismatchError
        When samples differ in their keys, or in the dtype of a field.
    """
    if not isinstance(samples[0], Mapping):
        return default_collate(list(samples))
    memory = memory or BatchMemory(len(samples), Arena())
    keys = samples[0].keys()
    for row, sample in enumerate(samples):
        if sample.keys() != keys:
            raise SampleMismatchError(
                message(
                    "the samples of a batch have different keys",
                    place=f"sample {row} of the batch, idx {sample.get('idx')}",
                    expected=sorted(keys),
                    got=sorted(sample.keys()),
                )
            )
    return {key: _field(key, [sample[key] for sample in samples], memory) for key in keys}


def lay(sample: Any, row: int, memory: BatchMemory) -> Any:
    """The sample with its tensors where the batch will be, copied there by whoever has read it.

    What ``collate`` would have to copy, because a plugin or transform made it anew, is copied by the threads
    that read and not by the consumer's. Tensors that are not plain ones in host memory stay where they are,
    and so does all of a sample that is no plain dictionary.
    """
    if type(sample) is not dict:
        return sample
    return {key: _laid(key, value, row, memory) for key, value in sample.items()}


def _laid(key: str, value: Any, row: int, memory: BatchMemory) -> Any:
    if type(value) is not torch.Tensor or value.device.type != "cpu" or value.dtype == torch.bfloat16:
        return value
    if (
        value.layout == torch.strided
        and value.is_contiguous()
        and value.data_ptr() == memory.address(key, row)
    ):
        if key not in memory.tensors:
            memory.tensors[key] = torch.from_numpy(memory.arrays[key])
        return value  # what it looks like there, collate asks
    try:
        array = value.detach().numpy()
    except (RuntimeError, TypeError):  # sparse, quantised, conjugated: collate knows what to do, or says so
        return value
    place = memory.lay(key, row, array)
    if place is None:
        return value
    if key not in memory.tensors:
        memory.tensors[key] = torch.from_numpy(memory.laid[key])
    return torch.from_numpy(place)


def _field(key: str, values: list[Any], memory: BatchMemory) -> Any:
    batch = memory.tensors.get(key)
    if batch is None and key in memory.arrays:
        batch = torch.from_numpy(memory.arrays[key])
    if batch is not None and _are_rows(values, batch):
        return batch
    if not all(isinstance(v, torch.Tensor) or _is_numeric(v) for v in values):
        return values
    tensors = [value if isinstance(value, torch.Tensor) else torch.as_tensor(value) for value in values]
    if any(tensor.shape != tensors[0].shape for tensor in tensors):
        return tensors
    for row, tensor in enumerate(tensors):
        if tensor.dtype != tensors[0].dtype:
            raise SampleMismatchError(
                message(
                    "a field has another dtype in some samples of a batch",
                    place=f"{key!r} of sample {row} of the batch",
                    expected=tensors[0].dtype,
                    got=tensor.dtype,
                    hint="a transform that only sometimes runs should keep the dtype",
                )
            )
    return _stack(tensors, memory)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"


def _stack(tensors: list[torch.Tensor], memory: BatchMemory) -> torch.Tensor:
    """Never into the rows that were read: a tensor of this field, or of another, may still look at them."""
    first = tensors[0]
    if first.device.type != "cpu" or first.dtype == torch.bfloat16:
        return torch.stack(tensors)
    shape = (len(tensors), *first.shape)
    batch = torch.from_numpy(memory.arena.allocate(shape, torch.empty(0, dtype=first.dtype).numpy().dtype))
    return torch.stack([tensor.detach() for tensor in tensors], out=batch)


def _are_rows(values: Sequence[Any], batch: torch.Tensor) -> bool:
    """Whether values are the rows of a batch, one after the other.

    Arithmetic: to take the rows from the batch would let go of Python's lock for each, and of a busy one that
    costs the consumer more than the batch itself.
    """
    shape, (step, *steps), start = batch.shape[1:], batch.stride(), batch.data_ptr()
    strides, step = tuple(steps), step * batch.element_size()
    return len(values) == len(batch) and all(
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.dtype == batch.dtype
        and value.shape == shape
        and value.stride() == strides
        and value.data_ptr() == start + row * step
        for row, value in enumerate(values)
    )
