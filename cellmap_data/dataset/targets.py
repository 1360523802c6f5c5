"""One target of a batch: labels of all classes, with what is unknown marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cellmap_data.buffers import Allocate
from cellmap_data.config import ArraySpec
from cellmap_data.dataset.planned import Array, Planned, Reads
from cellmap_data.dataset.request import known_key


class TargetField:
    """One target array of all samples of a batch.

    A class that is not annotated is unknown, except where one that excludes it is positive: there it is 0.

    Parameters
    ----------
    number : int
        Its place among the targets.
    spec : ArraySpec
        The array.
    dtype : numpy.dtype
        What it is read and delivered as. Floats mark the unknown by a value. With ``native`` there is an
        array ``<target>_known`` too (bool, one for each class): True where nothing in the patch is unknown.
    samples : sequence of Planned
        The batch.
    allocate : callable
        Gives memory of shape (batch, classes, *spatial).
    """

    def __init__(
        self,
        number: int,
        spec: ArraySpec,
        dtype: np.dtype[Any],
        samples: Sequence[Planned],
        allocate: Allocate,
    ) -> None:
        self._number, self._spec, self._samples, self._dtype = number, spec, samples, dtype
        first = samples[0].recipe
        self._classes = first.request.classes
        batch = len(samples), len(self._classes)
        self._values = allocate(spec.name, (*batch, *spec.spatial), dtype)
        self._known: npt.NDArray[np.bool_] | None = None
        if first.request.native:
            self._known = allocate(known_key(spec.name), batch, np.dtype(np.bool_))
        self._excluding: dict[tuple[int, str], Array] = {}

    def start(self, reads: Reads) -> None:
        """Start to read the labels of every sample."""
        for row, sample in enumerate(self._samples):
            images = sample.recipe.layout.targets[self._number]
            for channel, name in enumerate(self._classes):
                if name in images:
                    patch, fill = self._values[row, channel, ...][self._spec.unsqueeze], self._unknown(sample)
                    reads.start(sample, self._spec.name, images[name], patch, linear=False, fill=fill)
            for name in images.keys() - set(self._classes):
                scratch = np.empty(self._spec.spatial, images[name].dtype)
                self._excluding[row, name] = scratch
                patch = scratch[self._spec.unsqueeze]
                reads.start(sample, self._spec.name, images[name], patch, linear=False, fill=0)

    def add_to(self, result: dict[str, torch.Tensor], row: int) -> None:
        """Put the finished labels of one sample into ``result``; what nobody annotated is filled in here."""
        sample = self._samples[row]
        images = sample.recipe.layout.targets[self._number]
        for channel, name in enumerate(self._classes):
            if name not in images:
                self._values[row, channel, ...] = self._unknown(sample)
        if self._known is not None:
            self._known[row] = [
                name in images and sample.plan(images[name], linear=False).covers for name in self._classes
            ]
            result[known_key(self._spec.name)] = torch.from_numpy(self._known[row])
        for name, others in sample.recipe.request.exclusive.items():
            self._set_negatives(row, self._classes.index(name), others)
        values = torch.from_numpy(self._values[row])
        transform = sample.recipe.transforms.target
        if transform is not None:
            delivered = values.dtype
            values = transform(values, sample.entry.draw)
            values = values if sample.recipe.request.native else values.to(delivered)
        result[self._spec.name] = values

    def _unknown(self, sample: Planned) -> float:
        return sample.recipe.unknown if self._dtype.kind == "f" else 0

    def _set_negatives(self, row: int, channel: int, others: Sequence[str]) -> None:
        """Mark a class as 0 wherever a class that excludes it is positive."""
        sample, positive = self._samples[row], np.zeros(self._spec.spatial, np.bool_)
        images = sample.recipe.layout.targets[self._number]
        for other in others:
            shows = self._labels(row, other) > 0
            plan = sample.plan(images[other], linear=False)
            if not plan.covers:  # outside its array it holds the value of the unknown, which may be positive
                plan.fill_missing(shows[self._spec.unsqueeze], False)
            positive |= shows
        self._values[row, channel, ...][positive] = 0
        if self._known is not None:
            self._known[row, channel] = bool(positive.all())

    def _labels(self, row: int, name: str) -> Array:
        if name in self._classes:
            return self._values[row, self._classes.index(name), ...]
        return self._excluding[row, name]
