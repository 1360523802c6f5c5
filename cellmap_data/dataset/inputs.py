"""One input of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from cellmap_data.buffers import Allocate
from cellmap_data.config import ArraySpec
from cellmap_data.dataset.planned import Array, Planned, Reads

MISSING = 0.0
"""What an input holds outside its volume: filled in after the value transforms, so in the model's units."""


class InputField:
    """One input array of all samples of a batch.

    Parameters
    ----------
    number : int
        Its place among the inputs.
    spec : ArraySpec
        The array.
    dtype : numpy.dtype or None
        What it is read as; None where the samples are read each in its own way, in memory of their own.
    delivered : numpy.dtype
        What holds the values of all samples: what native values are delivered as if their transform leaves
        them in the type in which they are stored.
    samples : sequence of Planned
        The batch.
    allocate : callable
        Gives memory of shape (batch, 1, *spatial).
    """

    def __init__(
        self,
        number: int,
        spec: ArraySpec,
        dtype: np.dtype[Any] | None,
        delivered: np.dtype[Any],
        samples: Sequence[Planned],
        allocate: Allocate,
    ) -> None:
        self._number, self._spec, self._samples = number, spec, samples
        self._delivered = torch.from_numpy(np.empty(0, delivered)).dtype
        shape = (1, *spec.spatial)
        self._rows: Sequence[Array] = (
            [np.empty(shape, sample.recipe.input_dtypes[number]) for sample in samples]
            if dtype is None
            else allocate(spec.name, (len(samples), *shape), dtype)  # type: ignore[assignment]
        )

    def start(self, reads: Reads) -> None:
        """Start to read the array of every sample."""
        for sample, row in zip(self._samples, self._rows, strict=True):
            image = sample.recipe.layout.inputs[self._number]
            patch = row[0, ...][self._spec.unsqueeze]
            reads.start(sample, self._spec.name, image, patch, linear=True, fill=MISSING)

    def add_to(self, result: dict[str, torch.Tensor], row: int) -> None:
        """Put the finished array of one sample into ``result``."""
        sample, values = self._samples[row], torch.from_numpy(self._rows[row])
        transform = sample.recipe.transforms.raw
        if transform is not None:
            stored, values = values.dtype, transform(values, sample.entry.draw)
            native = sample.recipe.request.native
            if not native or values.dtype == stored:
                values = values.to(self._delivered if native else torch.float32)
            values = self._filled(values, sample)
        result[self._spec.name] = values

    def _filled(self, values: torch.Tensor, sample: Planned) -> torch.Tensor:
        """The values with what the volume does not have set, unless the transform changed the shape."""
        spatial = self._spec.spatial
        plan = sample.plan(sample.recipe.layout.inputs[self._number], linear=True)
        if plan.covers or values.shape[values.ndim - len(spatial) :] != spatial:
            return values
        missing = np.zeros(spatial, np.bool_)
        plan.fill_missing(missing[self._spec.unsqueeze], True)
        return values.masked_fill(torch.from_numpy(missing), MISSING)
