"""Some positions of a dataset, as a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, SupportsIndex, TypeAlias

import torch
from torch.utils.data import Subset

from cellmap_data.config import whole_number
from cellmap_data.dataset import (
    Allocate,
    CellMapDataset,
    Contents,
    Counts,
    Entry,
    Origin,
    Recipe,
    Sample,
    fresh,
    position,
    sizes_within,
    subset_sampler,
    weighted_sampler,
)
from cellmap_data.image import ValueCallable
from cellmap_data.multidataset import CellMapMultiDataset
from cellmap_data.sampler import MutableSubsetRandomSampler, SampleIndex, WeightedSampler

__all__ = ["CellMapSubset"]

Whole: TypeAlias = "CellMapDataset | CellMapMultiDataset | CellMapSubset"


class CellMapSubset(Subset[Sample]):
    """Some positions of a dataset, in an order of their own. A torch Subset.

    Sample ``i`` is that of position ``indices[i]`` of the dataset, augmentation included, and ``idx`` says
    that position: ``subset.dataset[sample["idx"]]`` is the sample again. What a subset is told to change,
    it changes in the dataset. Making one opens nothing and copies nothing.

    Parameters
    ----------
    dataset : CellMapDataset, CellMapMultiDataset or CellMapSubset
        What the positions are those of.
    indices : sequence of int
        The positions, kept as they are given: those of lazy sequences are computed when they are asked for,
        so there may be any number.
    """

    subsets = 0
    dataset: Whole
    indices: Sequence[int]

    def __init__(self, dataset: Whole, indices: Sequence[int]) -> None:
        super().__init__(dataset, indices)

    def __repr__(self) -> str:
        return f"CellMapSubset({self.dataset!r}, {len(self)} positions)"

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """One sample; IndexError out of range."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> list[Sample]:
        """The samples of a batch, read together."""
        return self.read_batch(indices, fresh)

    def read_batch(self, indices: Sequence[SupportsIndex], allocate: Allocate) -> list[Sample]:
        """Read samples straight into memory that the caller gives: :meth:`CellMapDataset.read_batch`."""
        return self.dataset.read_batch([self._inside(index) for index in indices], allocate)

    def locate(self, index: SupportsIndex) -> Entry:
        """What an index stands for: a position of the dataset, and its random numbers."""
        return self.dataset.locate(self._inside(index))

    def explain(self, index: SupportsIndex) -> Origin:
        """Which crop, place, motion and labels make a sample; IndexError where there is none."""
        return Origin.of(self.locate(index))

    def describe(self, index: SupportsIndex) -> str:
        """Where a position lies, in the words of the dataset; IndexError where there is none."""
        return self.dataset.describe(self._inside(index))

    def _inside(self, index: SupportsIndex) -> int:
        """The position in the dataset; it keeps the draw that the index brings."""
        inside = whole_number(self.indices[position(index, len(self))])
        return index.at(inside) if isinstance(index, SampleIndex) else inside

    @property
    def classes(self) -> list[str]:
        """The channels of every target."""
        return self.dataset.classes

    @property
    def input_arrays(self) -> dict[str, Any]:
        """The input arrays as they were given."""
        return self.dataset.input_arrays

    @property
    def target_arrays(self) -> dict[str, Any]:
        """The target arrays as they were given."""
        return self.dataset.target_arrays

    @property
    def contents(self) -> Contents:
        """What every sample holds."""
        return self.dataset.contents

    @property
    def recipes(self) -> list[Recipe]:
        """How each crop's samples are made."""
        return self.dataset.recipes

    @property
    def class_counts(self) -> Counts:
        """The counts of the whole dataset: voxels are counted by crop, not by patch."""
        return self.dataset.class_counts

    @property
    def class_weights(self) -> dict[str, float]:
        """Background over foreground of each class of the whole dataset."""
        return self.dataset.class_weights

    @property
    def seed(self) -> int | None:
        """The seed of the dataset."""
        return self.dataset.seed

    @property
    def epoch(self) -> int:
        """The epoch of which plain indices draw their augmentation."""
        return self.dataset.epoch

    @property
    def revision(self) -> int:
        """Grows with every change of transforms or plugins of the dataset."""
        return self.dataset.revision

    def get_crop_class_matrix(self) -> torch.Tensor:
        """Which classes are annotated in which crop of the whole dataset: bool, [crops, classes]."""
        return self.dataset.get_crop_class_matrix()

    def get_subset_random_sampler(
        self,
        num_samples: int,
        weighted: bool = False,
        rng: torch.Generator | None = None,
    ) -> MutableSubsetRandomSampler:
        """Some of the positions here, in random order; ``refresh()`` draws others.

        As :meth:`CellMapMultiDataset.get_subset_random_sampler`. Weighted by the classes of whole crops, of
        which the subset has some positions; these must ascend then.
        """
        return subset_sampler(self, num_samples, weighted, rng)

    def get_weighted_sampler(
        self,
        batch_size: int = 1,  # noqa: ARG002 - accepted from users of earlier releases
        rng: torch.Generator | None = None,
        *,
        samples_per_epoch: int | None = None,
    ) -> WeightedSampler:
        """Draws with replacement in which crops of rare classes come more often.

        As :meth:`CellMapMultiDataset.get_weighted_sampler`, from the positions here, which must ascend.
        """
        return weighted_sampler(self, rng, samples_per_epoch=samples_per_epoch)

    @property
    def crop_sizes(self) -> list[int]:
        """How many of the positions lie in each crop; ConfigurationError unless they ascend."""
        return sizes_within(self.indices, self.dataset.crop_sizes)

    @property
    def crops(self) -> list[CellMapDataset]:
        """The crops of the whole dataset, in order."""
        return self.dataset.crops

    def verify(self) -> bool:
        """Whether there is any position; StoreError, listing every fault, if volumes cannot be used."""
        return self.dataset.verify() and len(self) > 0

    def set_epoch(self, epoch: int) -> None:
        """Let plain indices of the dataset draw the augmentation of another epoch."""
        self.dataset.set_epoch(epoch)

    def set_spatial_transforms(self, transforms: Mapping[str, Any] | None) -> None:
        """Replace the spatial transforms of the dataset."""
        self.dataset.set_spatial_transforms(transforms)

    def set_raw_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the dataset's inputs."""
        self.dataset.set_raw_value_transforms(transforms)

    def set_target_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the dataset's targets."""
        self.dataset.set_target_value_transforms(transforms)

    def lend_plugins(self, plugins: Any) -> None:
        """Let the dataset ask these plugins for readers before its own; None takes back what was lent."""
        self.dataset.lend_plugins(plugins)

    def to(self, device: str | torch.device, non_blocking: bool = True) -> Self:
        """Take note of a device; samples stay on the CPU, loaders move batches."""
        self.dataset.to(device, non_blocking)
        return self

    def close(self) -> None:
        """Let go of all open arrays; the next read opens them again."""
        self.dataset.close()
