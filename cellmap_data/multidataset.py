"""Many crops as one torch dataset."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Self, SupportsIndex, TypeAlias

import torch
from torch.utils.data import ConcatDataset

from cellmap_data.advice import Advice
from cellmap_data.config import counted, raise_faults
from cellmap_data.dataset import (
    Allocate,
    BatchDTypes,
    CellMapDataset,
    Contents,
    Counts,
    CropSamplers,
    Entry,
    JoinedIndices,
    Origin,
    ReadAhead,
    Recipe,
    Sample,
    advice_for,
    class_counts,
    class_weights,
    crop_weights,
    foreground,
    fresh,
    position,
    read_entries,
    read_metadata,
    weighted_sampler,
)
from cellmap_data.errors import ConfigurationError, StoreError, message
from cellmap_data.image import ValueCallable
from cellmap_data.sampler import (
    BLOCK,
    CropSightings,
    Draw,
    SampleIndex,
    WeightedSampler,
)

__all__ = ["CellMapMultiDataset"]

Part: TypeAlias = "CellMapDataset | CellMapMultiDataset"


class CellMapMultiDataset(CropSamplers, ConcatDataset[Sample]):
    """The positions of several datasets, one after the other; all give the same arrays and classes.

    Making one opens nothing. The metadata of all datasets is read when a position is first asked for, several
    at a time where files are far away. ``idx`` of a sample is its position here. Indices are those of a list.

    Parameters
    ----------
    datasets : sequence of CellMapDataset or CellMapMultiDataset
        At least one. The order (classes, input_arrays, target_arrays, datasets) of earlier releases is
        recognised.
    classes : sequence of str, optional
        The channels of every target; None for those of the datasets.
    input_arrays, target_arrays : mapping, optional
        The arrays of a sample; None for those of the datasets.
    seed : int, optional
        Of augmentation; None for the seed of the first dataset that has one.

    Raises
    ------
    ConfigurationError
        If there is no dataset, or listing all that differ in what they give.
    """

    def __init__(
        self,
        datasets: Sequence[Part] | None = None,
        classes: Sequence[str] | None = None,
        input_arrays: Mapping[str, Any] | None = None,
        target_arrays: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        # ConcatDataset.__init__ is left out: it asks every dataset for its length.
        given: list[Any] = [datasets, classes, input_arrays, target_arrays]
        if _are_parts(target_arrays):
            given = [given[3], *given[:3]]
        if not _are_parts(given[0]):
            raise ConfigurationError(
                message("There is nothing to concatenate.", expected="CellMapDatasets", got=repr(given[0]))
            )
        self.datasets: list[Part] = list(given[0])  # type: ignore[assignment]
        first = self.datasets[0]
        self.classes: list[str] = list(first.classes if given[1] is None else given[1])
        self.input_arrays: dict[str, Any] = dict(first.input_arrays if given[2] is None else given[2])
        self.target_arrays: dict[str, Any] = dict(first.target_arrays if given[3] is None else given[3])
        self._check()
        seeds = (part.seed for part in self.datasets if part.seed is not None)
        self.seed: int | None = next(seeds, None) if seed is None else seed
        self.epoch, self._fallback_seed = 0, torch.initial_seed()
        self._ends: list[int] | None = None
        self._common: tuple[int, BatchDTypes] | None = None

    def __repr__(self) -> str:
        return f"CellMapMultiDataset({len(self.datasets)} datasets, classes={self.classes})"

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """One sample; IndexError out of range."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> list[Sample]:
        """The samples of a batch, read together."""
        return self.read_batch(indices, fresh)

    def read_batch(self, indices: Sequence[SupportsIndex], allocate: Allocate) -> list[Sample]:
        """Read samples of any of the datasets straight into memory that the caller gives.

        As :meth:`CellMapDataset.read_batch`; ``allocate`` is called once for each array of the whole batch.
        """
        entries = [self.locate(index) for index in indices]
        return read_entries(entries, self._dtypes(), allocate) if entries else []

    def _dtypes(self) -> BatchDTypes:
        """What all crops have in common; asking each of thousands for every batch would take milliseconds."""
        revision = self.revision  # before the recipes: what changes meanwhile is found by the next batch
        known = self._common
        if known is None or known[0] != revision:
            self._common = known = revision, BatchDTypes.common(self.recipes)
        return known[1]

    def locate(self, index: SupportsIndex) -> Entry:
        """What an index stands for: a position of one of the datasets, and its random numbers."""
        i, part, local = self._find(index)
        draw = index.draw if isinstance(index, SampleIndex) else None
        seed = self._fallback_seed if self.seed is None else self.seed
        entry = self.datasets[part].locate(SampleIndex(local, draw or Draw(seed, self.epoch, i)))
        return replace(entry, idx=i)

    def explain(self, index: SupportsIndex) -> Origin:
        """Which crop, place, motion and labels make a sample; IndexError where there is none."""
        return Origin.of(self.locate(index))

    def describe(self, index: SupportsIndex) -> str:
        """Where a position lies, in words: the dataset, its position there, the paths, its centre in nm.

        Raises
        ------
        IndexError
            If there is no such position.
        """
        _, part, local = self._find(index)
        return f"dataset {part}, position {local}: {self.datasets[part].describe(local)}"

    def _find(self, index: SupportsIndex) -> tuple[int, int, int]:
        """The position here, the number of the dataset it falls into, and the position there."""
        ends = self.cumulative_sizes
        if not ends[-1]:
            raise IndexError(self._why_empty())
        i = position(index, ends[-1])
        part = bisect_right(ends, i)
        return i, part, i - (ends[part - 1] if part else 0)

    def _why_empty(self) -> str:
        """That no dataset has a position, and why the first has none."""
        first = self.crops[0]
        why = first.layout.why_empty(first.raw_path)
        return (
            why
            if len(self.crops) == 1
            else f"None of {len(self.crops)} datasets has a position. The first: {why}"
        )

    def prefetch(self, indices: Iterable[int], batch_size: int = 8) -> Iterator[Sample]:
        """Iterate over the samples of ``indices`` in order, while later ones are read in the background.

        Parameters
        ----------
        indices : iterable of int
            Positions; taken as they are needed, so there may be any number.
        batch_size : int
            Samples read together.

        Yields
        ------
        dict
            The samples. What a read raises is raised at its place; closing the iterator ends the reading.
        """
        if batch_size < 1:
            raise ConfigurationError(message("Samples are read in batches.", expected=">= 1", got=batch_size))
        return iter(ReadAhead(self.__getitems__, indices, batch_size))

    @property
    def cumulative_sizes(self) -> list[int]:  # type: ignore[override]
        """The number of positions up to and including each dataset.

        Raises
        ------
        StoreError
            Listing the faults of all datasets.
        """
        if self._ends is None:
            faults = read_metadata(self.datasets)
            if len(faults) == 1:
                raise faults[0]
            raise_faults(StoreError, "Some datasets cannot be used.", map(str, faults))
            self._ends = list(accumulate(len(part) for part in self.datasets))
        return self._ends

    @property
    def recipes(self) -> list[Recipe]:
        """How each crop's samples are made."""
        return [recipe for part in self.datasets for recipe in part.recipes]

    @property
    def contents(self) -> Contents:
        """What every sample holds."""
        return self.datasets[0].contents

    @property
    def crops(self) -> list[CellMapDataset]:
        """The crops of all datasets, in order, however deep they are nested."""
        nested = ([part] if isinstance(part, CellMapDataset) else part.crops for part in self.datasets)
        return [crop for crops in nested for crop in crops]

    def advise(self) -> Advice | None:
        """How the chunks of all crops suit these patches; None where nothing is known of any chunk."""
        self.verify()
        return advice_for([crop.layout for crop in self.crops])

    @property
    def class_counts(self) -> Counts:
        """How many voxels show each class, and in how many it is known, of all crops together.

        As :attr:`CellMapDataset.class_counts`; crops that were not counted yet are counted several at a time.
        """
        self.verify()  # it reads the metadata of several crops at a time
        return class_counts(self.classes, self.crops)

    @property
    def class_weights(self) -> dict[str, float]:
        """Background over foreground of each class, in class order; 1 for a class without foreground."""
        return class_weights(self.class_counts)

    @property
    def crop_sizes(self) -> list[int]:
        """The number of positions of each crop; one after the other they are those of the dataset."""
        self.verify()
        return [len(crop) for crop in self.crops]

    @property
    def crop_weights(self) -> list[float]:
        """How likely a position of each crop is drawn by weighted samplers, relative to other crops'.

        The weight of crop ``d`` is the sum over classes ``c`` of ``class_weights[c]`` times the share of the
        voxels in ``d`` that show ``c``, of those where it is known. So rare classes are drawn as often as
        frequent ones, where they are dense. A crop that shows no class has weight 0; if none does, all are 1.
        """
        self.verify()
        return crop_weights(self.classes, self.crops)

    def get_weighted_sampler(
        self,
        batch_size: int = 1,  # noqa: ARG002 - accepted from users of earlier releases
        rng: torch.Generator | None = None,
        *,
        dataset_weights: Sequence[float] | None = None,
        samples_per_epoch: int | None = None,
    ) -> WeightedSampler:
        """Draws with replacement in which rare classes, or some datasets, come more often.

        The probability of a position in crop ``d`` is ``crop_weights[d]`` over the sum of all positions'
        weights. With ``dataset_weights`` that of a position in dataset ``j`` is
        ``dataset_weights[j] / sum(dataset_weights) / len(datasets[j])``, and nothing is counted.

        Parameters
        ----------
        batch_size : int
            Of no effect: an epoch is not one batch.
        rng : torch.Generator, optional
            Its initial seed is that of the draws. None for the loader's.
        dataset_weights : sequence of float, optional
            Proportional to how often each of ``datasets`` is drawn, however many positions it has.
        samples_per_epoch : int, optional
            None for as many draws as there are positions.

        Raises
        ------
        ConfigurationError
            If weights are negative, or nothing can be drawn.
        """
        return weighted_sampler(self, rng, self.datasets, dataset_weights, samples_per_epoch)

    def foreground(self, block: int = BLOCK) -> CropSightings:
        """Where each annotated class shows, of each crop: :meth:`CellMapDataset.foreground`."""
        self.verify()
        return foreground(self.crops, block)

    def get_indices(self, chunk_size: Mapping[str, float]) -> JoinedIndices:
        """The positions whose tiles (``{axis: nm}``) cover the crops: :meth:`CellMapDataset.get_indices`."""
        self.verify()
        return self._joined([part.get_indices(chunk_size) for part in self.datasets])

    @property
    def validation_indices(self) -> JoinedIndices:
        """The positions whose targets cover the crops, a lazy sequence."""
        self.verify()
        return self._joined([part.validation_indices for part in self.datasets])

    def get_crop_class_matrix(self) -> torch.Tensor:
        """Which classes are annotated in which crop: bool, [crops, classes]."""
        return torch.cat([part.get_crop_class_matrix() for part in self.datasets])

    def verify(self) -> bool:
        """Whether there is any position; StoreError, listing every fault, if volumes cannot be used."""
        return self.cumulative_sizes[-1] > 0

    def _joined(self, indices: Sequence[Sequence[int]]) -> JoinedIndices:
        return JoinedIndices(tuple(indices), (0, *self.cumulative_sizes[:-1]))

    def set_epoch(self, epoch: int) -> None:
        """Let plain indices draw the augmentation of another epoch."""
        self.epoch = counted("epoch", epoch)
        for part in self.datasets:
            part.set_epoch(self.epoch)

    def set_spatial_transforms(self, transforms: Mapping[str, Any] | None) -> None:
        """Replace the spatial transforms of all datasets."""
        for part in self.datasets:
            part.set_spatial_transforms(transforms)

    def set_raw_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the inputs of all datasets."""
        for part in self.datasets:
            part.set_raw_value_transforms(transforms)

    def set_target_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the targets of all datasets."""
        for part in self.datasets:
            part.set_target_value_transforms(transforms)

    @property
    def revision(self) -> int:
        """Grows with every change of transforms or plugins of any of the datasets."""
        return sum(part.revision for part in self.datasets)

    def lend_plugins(self, plugins: Any) -> None:
        """Let all datasets ask these plugins for readers before their own; None takes back what was lent."""
        self._ends = None
        for part in self.datasets:
            part.lend_plugins(plugins)

    def to(self, device: str | torch.device, non_blocking: bool = True) -> Self:
        """Take note of a device; samples stay on the CPU, loaders move batches."""
        for part in self.datasets:
            part.to(device, non_blocking)
        return self

    def close(self) -> None:
        """Let go of all open arrays; the next read opens them again."""
        for part in self.datasets:
            part.close()

    def _check(self) -> None:
        """Refuse datasets that do not give the same.

        Raises
        ------
        ConfigurationError
            Naming all that differ.
        """
        first = self.contents
        faults = [
            f"dataset {i} gives {part.contents}, dataset 0 gives {first}"
            for i, part in enumerate(self.datasets)
            if part.contents != first
        ]
        asked = (tuple(self.classes), tuple(self.input_arrays), tuple(self.target_arrays))
        given = (first.classes, tuple(dict(first.inputs)), tuple(dict(first.targets)))
        faults += [
            f"{a} was asked for, the datasets give {g}" for a, g in zip(asked, given, strict=True) if a != g
        ]
        raise_faults(ConfigurationError, "The datasets do not give the same samples.", faults)


def _are_parts(candidate: Any) -> bool:
    return (
        isinstance(candidate, Sequence)
        and len(candidate) > 0
        and all(isinstance(part, CellMapDataset | CellMapMultiDataset) for part in candidate)
    )
