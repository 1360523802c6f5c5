"""Datasets inside torch's own wrappers: reads that keep their draws, and where a sample lies, in words."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from torch.utils.data import ConcatDataset, Subset

from cellmap_data.buffers import Allocate, fresh
from cellmap_data.sampler import SampleIndex

_LISTED = 4  # samples, of which one failed, that an error names


def read_samples(dataset: Any, indices: Sequence[int], allocate: Allocate) -> Sequence[Any]:
    """Read samples, looking through torch's own wrappers, which would lose the draws."""
    found = [_inside(dataset, index) for index in indices]
    leaf = found[0][0]
    if any(other is not leaf for other, _ in found):
        return [read_samples(other, [index], fresh)[0] for other, index in found]
    indices = [index for _, index in found]
    if hasattr(leaf, "read_batch"):
        return leaf.read_batch(indices, allocate)  # type: ignore[no-any-return]
    if hasattr(leaf, "__getitems__"):
        return leaf.__getitems__(indices)  # type: ignore[no-any-return]
    return [leaf[index] for index in indices]


def _inside(dataset: Any, index: int) -> tuple[Any, int]:
    """The dataset that has a sample, and its index there."""
    if type(dataset) is Subset:
        return _inside(dataset.dataset, _moved(index, dataset.indices[index]))
    if type(dataset) is ConcatDataset and 0 <= index < len(dataset):
        ends = dataset.cumulative_sizes
        part = bisect.bisect_right(ends, index)
        return _inside(dataset.datasets[part], _moved(index, index - (ends[part - 1] if part else 0)))
    return dataset, index


def place_of(dataset: Any, index: int) -> str:
    """Where a sample lies, as the dataset that has it describes it; empty if it does not."""
    try:
        leaf, inner = _inside(dataset, index)
        return str(leaf.describe(inner)) if hasattr(leaf, "describe") else ""
    except Exception as error:  # noqa: BLE001 - foreign code, asked while an error is on its way that matters more
        return f"not known, describe failed: {type(error).__name__}: {error}"


def places_of(dataset: Any, indices: Sequence[int]) -> str:
    """Where the samples lie, one of which could not be read; empty if there are too many to list."""
    if len(indices) > _LISTED:
        return ""
    return " or ".join(dict.fromkeys(filter(None, (place_of(dataset, index) for index in indices))))


def _moved(index: int, to: int) -> int:
    return index.at(to) if isinstance(index, SampleIndex) else to
