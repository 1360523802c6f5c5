"""Datasets to train and to validate with."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import torch

from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.dataset import CellMapDataset, Counts, class_counts
from cellmap_data.datasplit.checking import Crop, checked, refuse_or_tell, tell_of_unannotated
from cellmap_data.datasplit.defaults import (
    RAW_TRANSFORMS,
    TARGET_TRANSFORMS,
    UNCHANGED,
    Unchanged,
    ValueCallables,
)
from cellmap_data.datasplit.leaks import Leak, find_leaks, refuse_leaks
from cellmap_data.datasplit.opening import Datasets, Entries, crops_of, pads
from cellmap_data.datasplit.rows import USAGES, BrokenRow, Usage, usage_of
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.multidataset import CellMapMultiDataset
from cellmap_data.subdataset import CellMapSubset

_SHARED = ("class_relation_dict", "force_has_data", "context", "device", "empty_value", "seed")


class CellMapDataSplit:
    """The crops to train and to validate with, each a dataset.

    Making one reads the metadata of every volume, once, and opens no array. Whatever is wrong with any of the
    crops is told then, all of it in one error: the row and what it lacks. A crop that overlaps one of the
    other use is wrong too.

    Exactly one of ``datasets``, ``dataset_dict`` and ``csv_path`` says which crops there are. Paths may have
    wildcards, see :func:`~cellmap_data.datasplit.wildcards.written_out`.

    Parameters
    ----------
    input_arrays, target_arrays : mapping
        ``{name: {"shape": (z, y, x) in voxels, "scale": (z, y, x) in nm}}``; without targets raw only.
    classes : sequence of str, optional
        The channels of every target; None for raw only.
    pad : bool, Pad, "train" or "validate"
        Whether crops smaller than a patch have a position, for both uses or for the one that is named.
    datasets : mapping, optional
        ``{"train": [CellMapDataset, ...], "validate": [...]}``, used as they are: with their own arrays,
        classes and transforms.
    dataset_dict : mapping, optional
        ``{"train": [{"raw": path, "gt": path}, ...], "validate": [...]}``.
    csv_path : str or path-like, optional
        A table, see :func:`~cellmap_data.datasplit.table.read_table`. Relative paths in it start at the
        working directory.
    spatial_transforms : mapping, optional
        As of :class:`~cellmap_data.CellMapDataset`; for training only.
    train_raw_value_transforms, val_raw_value_transforms, target_value_transforms : optional
        As of :class:`~cellmap_data.CellMapDataset`. By default integer raw is scaled to 0..1 and NaN is 0;
        labels are 0, 1, or NaN where nobody knows. None for no transform.
    class_relation_dict, force_has_data, context, device, empty_value, dtype, plugins, seed : optional
        As of :class:`~cellmap_data.CellMapDataset`. With ``force_has_data`` crops that have none of the
        classes are used, and there may be no crop to train on.
    skip_broken : bool
        Leave out crops that cannot be used: one warning lists them, and so does :attr:`broken`.
    allow_overlap : bool
        Take it that crops for training and for validation overlap; :attr:`leaks` lists where.

    Attributes
    ----------
    broken : tuple of BrokenRow
        What was left out, and why.
    leaks : tuple of Leak
        What is in training and in validation.

    Raises
    ------
    ConfigurationError
        If arguments cannot be right, or there is no crop to train on.
    StoreNotFoundError
        If the table is not there.
    SplitError
        Listing every row that cannot be used, or every pair of crops that overlap.
    """

    def __init__(
        self,
        input_arrays: ArrayOptions,
        target_arrays: ArrayOptions | None = None,
        classes: Sequence[str] | None = None,
        *,
        pad: bool | str = False,
        datasets: Datasets | None = None,
        dataset_dict: Entries | None = None,
        csv_path: str | os.PathLike[str] | None = None,
        spatial_transforms: Mapping[str, Any] | None = None,
        train_raw_value_transforms: ValueCallables = RAW_TRANSFORMS,
        val_raw_value_transforms: ValueCallables = RAW_TRANSFORMS,
        target_value_transforms: ValueCallables = TARGET_TRANSFORMS,
        class_relation_dict: Mapping[str, Iterable[str]] | None = None,
        force_has_data: bool = False,
        context: Any = None,
        device: str | torch.device | None = None,
        empty_value: float = math.nan,
        dtype: Literal["float32", "native"] = "float32",
        plugins: Any = None,
        seed: int | None = None,
        skip_broken: bool = False,
        allow_overlap: bool = False,
    ) -> None:
        self.input_arrays, self.target_arrays = dict(input_arrays), dict(target_arrays or {})
        self.pad, self.device, self.seed = pad, device, seed
        self.spatial_transforms = spatial_transforms
        self.train_raw_value_transforms = train_raw_value_transforms
        self.val_raw_value_transforms = val_raw_value_transforms
        self.target_value_transforms = target_value_transforms
        self.class_relation_dict, self.force_has_data = class_relation_dict, force_has_data
        self.context, self.empty_value = context, empty_value
        self._skip_broken, self._allow_overlap = skip_broken, allow_overlap
        shared = {"classes": classes, "dtype": dtype, "plugins": plugins}
        crops = crops_of(datasets, dataset_dict, csv_path, self._options(pads(pad), shared))
        self.broken: tuple[BrokenRow, ...] = ()
        self.leaks: tuple[Leak, ...] = ()
        self._crops: list[Crop] = []
        self._joined: dict[Usage, CellMapMultiDataset] = {}
        self._blocks: CellMapSubset | None = None
        self._settle(crops)
        if datasets is None:  # which have told of themselves
            tell_of_unannotated(self._crops, stacklevel=3)
        first = self._crops[0].dataset
        self.classes: list[str] = list(classes) if classes is not None else first.classes

    def __repr__(self) -> str:
        counts = ", ".join(f"{usage}: {len(self._of(usage))} crops" for usage in USAGES)
        return f"CellMapDataSplit({counts}, classes={self.classes}, inputs={list(self.input_arrays)})"

    def _options(self, pad: Mapping[Usage, bool | str], shared: Mapping[str, Any]) -> dict[Usage, Any]:
        """For each use the arguments of its datasets but the paths."""
        raw = {"train": self.train_raw_value_transforms, "validate": self.val_raw_value_transforms}
        names = ("input_arrays", "target_arrays", "target_value_transforms", *_SHARED)
        common = {**shared, **{name: getattr(self, name) for name in names}}
        return {
            usage: {
                **common,
                "pad": pad[usage],
                "raw_value_transforms": raw[usage],
                "spatial_transforms": self.spatial_transforms if usage == "train" else None,
                "is_train": usage == "train",
            }
            for usage in USAGES
        }

    def _settle(self, crops: Sequence[Crop | BrokenRow]) -> None:
        """Take these crops if nothing is wrong with them; else nothing changes."""
        usable, broken = checked(crops, unannotated=self.force_has_data)
        refuse_or_tell(broken, skip=self._skip_broken, stacklevel=4)
        if not (self.force_has_data and usable) and not any(crop.usage == "train" for crop in usable):
            raise ConfigurationError(
                message(
                    "There is no crop to train on.",
                    got=f"{len(usable)} crops to validate with",
                    hint="with force_has_data=True a split may have crops to validate with alone",
                )
            )
        leaks = find_leaks(usable)
        if not self._allow_overlap:
            refuse_leaks(leaks)
        self._crops, self.leaks, self._joined, self._blocks = usable, tuple(leaks), {}, None
        self.broken += tuple(broken)

    def _of(self, usage: Usage) -> list[CellMapDataset]:
        return [crop.dataset for crop in self._crops if crop.usage == usage]

    def _combined(self, usage: Usage) -> CellMapMultiDataset:
        if usage not in self._joined:
            members = self._of(usage)
            if not members:
                rule = f"There is no crop to {usage} with."
                raise ConfigurationError(message(rule, expected=f"a row of the split {usage!r}"))
            self._joined[usage] = CellMapMultiDataset(members, seed=self.seed)
        return self._joined[usage]

    @property
    def datasets(self) -> dict[str, list[CellMapDataset]]:
        """The datasets of all crops, ``{"train": [...], "validate": [...]}``."""
        return {usage: self._of(usage) for usage in USAGES}

    @property
    def dataset_dict(self) -> dict[str, list[dict[str, str]]]:
        """The paths of the crops, ``{"train": [{"raw": path, "gt": path}, ...], "validate": [...]}``."""
        return {
            usage: [{"raw": crop.raw_path, "gt": crop.target_path or ""} for crop in self._of(usage)]
            for usage in USAGES
        }

    @property
    def train_datasets(self) -> list[CellMapDataset]:
        """The datasets to train on, one for each crop."""
        return self._of("train")

    @property
    def validation_datasets(self) -> list[CellMapDataset]:
        """The datasets to validate with, one for each crop; they do not augment."""
        return self._of("validate")

    @property
    def train_datasets_combined(self) -> CellMapMultiDataset:
        """All crops to train on, as one dataset; ConfigurationError if there is none."""
        return self._combined("train")

    @property
    def validation_datasets_combined(self) -> CellMapMultiDataset:
        """All crops to validate with, as one dataset; ConfigurationError if there is none."""
        return self._combined("validate")

    @property
    def validation_blocks(self) -> CellMapSubset:
        """Tiles that cover all crops to validate with; empty if there is none."""
        if self._blocks is None:
            some = bool(self._of("validate"))
            whole = self._combined("validate" if some else "train")
            self._blocks = CellMapSubset(whole, whole.validation_indices if some else range(0))
        return self._blocks

    @property
    def class_counts(self) -> dict[str, Counts]:
        """For each use how many voxels show each class: :attr:`CellMapDataset.class_counts` of its crops."""
        return {usage: class_counts(self.classes, self._of(usage)) for usage in USAGES}

    def set_raw_value_transforms(
        self,
        train_transforms: ValueCallables | Unchanged = UNCHANGED,
        val_transforms: ValueCallables | Unchanged = UNCHANGED,
    ) -> None:
        """Replace the value transforms of the inputs, of the use that is named; None for no transform."""
        if train_transforms is not UNCHANGED:
            for dataset in self._of("train"):
                dataset.set_raw_value_transforms(train_transforms)
            self.train_raw_value_transforms = train_transforms
        if val_transforms is not UNCHANGED:
            for dataset in self._of("validate"):
                dataset.set_raw_value_transforms(val_transforms)
            self.val_raw_value_transforms = val_transforms

    def set_target_value_transforms(self, transforms: ValueCallables) -> None:
        """Replace the value transforms of the targets, for training and for validation."""
        for crop in self._crops:
            crop.dataset.set_target_value_transforms(transforms)
        self.target_value_transforms = transforms

    def set_spatial_transforms(self, train_transforms: Mapping[str, Any] | None) -> None:
        """Replace the spatial transforms, which are for training only."""
        for dataset in self._of("train"):
            dataset.set_spatial_transforms(train_transforms)
        self.spatial_transforms = train_transforms

    def set_arrays(self, arrays: ArrayOptions, type: str = "target", usage: str = "validate") -> None:  # noqa: A002
        """Let the samples of one use have other arrays.

        The crops of that use become new datasets, with the transforms that they have. Datasets and loaders
        that were made before stay as they are.

        Parameters
        ----------
        arrays : mapping
            ``{name: {"shape": (z, y, x) in voxels, "scale": (z, y, x) in nm}}``.
        type : {"input", "target"}
            Which arrays to replace.
        usage : {"train", "validate"}
            Of which crops.

        Raises
        ------
        ConfigurationError
            If the arrays cannot be right.
        SplitError
            Listing every crop that has no place for them; then nothing changes.
        """
        kind, of = _kind(type), usage_of(usage)
        changed = [
            replace(crop, dataset=crop.dataset.with_arrays(**{kind: arrays})) if crop.usage == of else crop
            for crop in self._crops
        ]
        self._settle(changed)
        if of == "train":
            setattr(self, kind, dict(arrays))

    def to(self, device: str | torch.device, non_blocking: bool = True) -> Self:
        """Take note of a device; samples stay on the CPU, loaders move batches."""
        self.device = device
        for crop in self._crops:
            crop.dataset.to(device, non_blocking)
        return self

    def close(self) -> None:
        """Let go of all open arrays; the next read opens them again."""
        for crop in self._crops:
            crop.dataset.close()


def _kind(type: str) -> str:  # noqa: A002
    """The argument that holds the arrays of a type; ConfigurationError if there is no such type."""
    kind = {"input": "input_arrays", "target": "target_arrays"}.get(type.removesuffix("s"))
    if kind is None:
        raise ConfigurationError(message("Unknown type of arrays.", expected="input or target", got=type))
    return kind
