"""Read the samples of a batch: every read is under way before any is waited for.

One path for everybody: ``dataset[i]``, foreign DataLoaders, our loaders, datasets made of datasets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from cellmap_data.buffers import Allocate
from cellmap_data.dataset.inputs import InputField
from cellmap_data.dataset.planned import Entry, Planned, Reads
from cellmap_data.dataset.recipe import DTypes, Recipe
from cellmap_data.dataset.targets import TargetField

Sample: TypeAlias = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class BatchDTypes:
    """What the arrays of a batch are read and delivered as.

    Attributes
    ----------
    inputs : tuple of numpy.dtype or None
        What each input is read as; None for one that is read of each sample in its own way.
    delivered : tuple of numpy.dtype
        What holds the values of each input of all samples.
    targets : tuple of numpy.dtype
        What each target is read and delivered as.
    """

    inputs: tuple[np.dtype[Any] | None, ...]
    delivered: DTypes
    targets: DTypes

    @classmethod
    def common(cls, recipes: Sequence[Recipe]) -> BatchDTypes:
        """What holds the values of all ``recipes``, so that a sample does not depend on its neighbours.

        Inputs on their way into a value transform keep the type they are stored as, for it decides what the
        transform makes of them: if types differ there, there is no common one.
        """
        transformed = any(recipe.transforms.raw is not None for recipe in recipes)
        inputs = list(zip(*{recipe.input_dtypes for recipe in recipes}, strict=True))
        targets = zip(*{recipe.target_dtypes for recipe in recipes}, strict=True)
        delivered = tuple(np.result_type(*row) for row in inputs)
        return cls(
            tuple(
                None if transformed and len(set(row)) > 1 else common
                for row, common in zip(inputs, delivered, strict=True)
            ),
            delivered,
            tuple(np.result_type(*row) for row in targets),
        )


def read_entries(entries: Sequence[Entry], dtypes: BatchDTypes, allocate: Allocate) -> list[Sample]:
    """Read the samples of a batch.

    Parameters
    ----------
    entries : sequence of Entry
        At least one; all with the same arrays and classes.
    dtypes : BatchDTypes
        What the arrays of all samples are read as.
    allocate : callable
        Called once for each array of the batch; voxels go straight where it says.

    Returns
    -------
    list of dict
        One sample for each entry, its tensors views of that memory unless a value transform made new ones.

    Raises
    ------
    SampleError
        If a read fails, after all others have ended; names the array, the index and the path.
    """
    samples = [Planned.of(entry) for entry in entries]
    request = entries[0].recipe.request
    idx = allocate("idx", (len(entries),), np.dtype(np.int64))
    idx[:] = [entry.idx for entry in entries]
    inputs = zip(request.inputs, dtypes.inputs, dtypes.delivered, strict=True)
    targets = zip(request.targets, dtypes.targets, strict=True)
    fields: list[InputField | TargetField] = [
        *(InputField(i, *given, samples, allocate) for i, given in enumerate(inputs)),
        *(TargetField(i, spec, dtype, samples, allocate) for i, (spec, dtype) in enumerate(targets)),
    ]
    _read(fields, Reads())
    results = [{"idx": torch.from_numpy(idx)[row]} for row in range(len(entries))]
    for row, result in enumerate(results):
        for field in fields:
            field.add_to(result, row)
    return results


def _read(fields: Sequence[InputField | TargetField], reads: Reads) -> None:
    """Start all reads, then wait for all of them: memory that is written to must never be given back."""
    try:
        for field in fields:
            field.start(reads)
    finally:
        reads.wait()
    reads.check()
