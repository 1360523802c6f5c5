"""The dataset of one crop."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, SupportsIndex, cast

import torch
from torch.utils.data import Dataset

from cellmap_data.buffers import Allocate, fresh
from cellmap_data.config import counted
from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.dataset.batch import BatchDTypes, Sample, read_entries
from cellmap_data.dataset.facts import CropFacts
from cellmap_data.dataset.origin import Origin
from cellmap_data.dataset.planned import Entry
from cellmap_data.dataset.readers import InTurn, Plugins, Readers
from cellmap_data.dataset.recipe import Recipe, Transforms
from cellmap_data.dataset.request import Request
from cellmap_data.dataset.sampling import CropSamplers, weighted_sampler
from cellmap_data.dataset.values import ValueTransform
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import ValueCallable
from cellmap_data.sampler import (
    Draw,
    SampleIndex,
    WeightedSampler,
)
from cellmap_data.spatial import AXES, SpatialTransforms, spatial_table


class CellMapDataset(CropFacts, CropSamplers, Dataset[Sample]):
    """Aligned patches of one raw volume and of the labels of one crop of it.

    Sample ``i`` is ``{"idx": int64, <input>: [1, *spatial], <target>: [classes, *spatial]}`` on the CPU, axes
    of one voxel left out. A label nobody knows is NaN: of a class that is not annotated, or outside the
    label's array. A class that is not annotated is 0 where an annotated one that excludes it is positive.

    Making a dataset opens nothing. The metadata is read when a position is first asked for, arrays by the
    first read in each process. Any number of threads may read at once; pickled, a dataset is what it takes to
    make it again. Indices are those of a list: from ``-len`` to ``len - 1``, IndexError beyond.

    Parameters
    ----------
    raw_path : str
        A multiscale group, OME-Zarr 0.4 or 0.5: a local path, ``s3://``, ``gs://`` or ``http(s)://``.
    target_path : str, optional
        ``base/[class1,class2]suffix``: the annotated classes, each a multiscale group ``base/class1suffix``.
        Without brackets the last part of the path is the one annotated class.
    classes : sequence of str, optional
        The channels of every target; None for raw only.
    input_arrays, target_arrays : mapping
        ``{name: {"shape": (z, y, x) in voxels, "scale": (z, y, x) in nm}}``.
    pad : bool or Pad
        Whether a volume smaller than a patch has a position: :class:`~cellmap_data.config.Pad` tells more.
        Raw is 0 outside its array, after transforms.
    spatial_transforms : mapping, optional
        Such as ``{"mirror": {"x": 0.5}, "transpose": {"axes": ["x", "y"]}, "rotate": {"z": 45}}``.
    raw_value_transforms : callable or sequence of callables, optional
        Applied to each input [1, *spatial] in the dtype in which it is stored.
    target_value_transforms : callable or sequence of callables, optional
        Applied to each target [classes, *spatial], floats with NaN for unknown.
    class_relation_dict : mapping, optional
        Class -> the classes that exclude it.
    force_has_data : bool
        Kept for whoever asks; every position can be read anyway.
    device : str or torch.device, optional
        Kept for whoever asks; samples are made on the CPU and loaders move batches.
    seed : int, optional
        Of augmentation; None for ``torch.initial_seed()`` at the time the dataset is made.
    dtype : {"float32", "native"}
        "float32" delivers labels stored as 32- or 64-bit integers as float64, so that no id is rounded.
        "native" delivers values as stored, with a bool array ``<target>_known`` [classes] in place of NaN.
    is_train : bool
        Whether spatial transforms are drawn.
    plugins : PluginManager or Plugins, optional
        Asked for readers (``open_array``) and for spatial transforms (``add_spatial_transforms``).
    context : object, optional
        Handed on to plugins that open arrays. A mapping may say how to reach the store, see
        :mod:`cellmap_data.storage.access`.
    empty_value : float
        The label of what is unknown.
    rng : torch.Generator, optional
        Its initial seed is the seed.
    axis_order : str
        "zyx" is the only order there is.
    max_workers : int, optional
        Of no effect: reads run in the background threads of the reader.

    Attributes
    ----------
    revision : int
        Grows with every change of transforms or plugins: copies in worker processes are out of date then.

    Raises
    ------
    ConfigurationError
        If arguments cannot be right; every fault of the arrays is listed.
    """

    def __init__(
        self,
        raw_path: str,
        target_path: str | None = None,
        classes: Sequence[str] | None = None,
        input_arrays: ArrayOptions | None = None,
        target_arrays: ArrayOptions | None = None,
        pad: bool | str = False,
        spatial_transforms: Mapping[str, Any] | None = None,
        raw_value_transforms: ValueCallable | Sequence[ValueCallable] | None = None,
        target_value_transforms: ValueCallable | Sequence[ValueCallable] | None = None,
        class_relation_dict: Mapping[str, Iterable[str]] | None = None,
        force_has_data: bool = False,
        device: str | torch.device | None = None,
        seed: int | None = None,
        *,
        dtype: Literal["float32", "native"] = "float32",
        is_train: bool = True,
        plugins: Any = None,
        context: Any = None,
        empty_value: float = math.nan,
        rng: torch.Generator | None = None,
        axis_order: str = AXES,
        max_workers: int | None = None,  # noqa: ARG002 - accepted from users of earlier releases
    ) -> None:
        super().__init__()
        _check_choices(dtype, axis_order)
        self.force_has_data, self.device, self.epoch = force_has_data, device, 0
        self.revision = 0
        seed = rng.initial_seed() if seed is None and rng is not None else seed
        self.seed = None if seed is None else counted("seed", seed, None)
        self._fallback_seed = torch.initial_seed()
        self._plugins, self._context = _relay(plugins), context
        self._unknown = empty_value
        self._request = Request.parse(
            raw_path,
            target_path,
            classes,
            input_arrays or {},
            target_arrays,
            class_relation_dict,
            pad=pad,
            native=dtype == "native",
        )
        self._request.warn_if_nothing_is_annotated()
        self.target_path, self.class_relation_dict = target_path, class_relation_dict
        self.input_arrays = dict(input_arrays or {})
        self.target_arrays = dict(target_arrays or {}) if self._request.targets else {}
        self._transforms = Transforms(
            raw=ValueTransform.of(raw_value_transforms),
            target=ValueTransform.of(target_value_transforms),
            augment=is_train,
        )
        self._given: dict[str, Any] = {"raw": raw_value_transforms, "target": target_value_transforms}
        self.set_spatial_transforms(spatial_transforms)
        self._recipe: Recipe | None = None
        self._readers, self._lock = Readers(self._plugins, context), threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __repr__(self) -> str:
        return (
            f"CellMapDataset({self._request.raw!r}, classes={self.classes}, inputs={list(self.input_arrays)})"
        )

    def __len__(self) -> int:
        return self.layout.grid.size

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """One sample; IndexError out of range."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsIndex]) -> list[Sample]:
        """The samples of a batch, read together."""
        return self.read_batch(indices, fresh)

    def read_batch(self, indices: Sequence[SupportsIndex], allocate: Allocate) -> list[Sample]:
        """Read samples straight into memory that the caller gives.

        Parameters
        ----------
        indices : sequence of int
            Positions; a ``SampleIndex`` brings its own draw, others draw from (seed, epoch, index).
        allocate : callable
            ``allocate(name, shape, dtype)`` is called once for each array, with the batch as first axis.

        Returns
        -------
        list of dict
            The samples, views of that memory.

        Raises
        ------
        IndexError
            If a position does not exist.
        StoreError
            If the volumes cannot be used; lists all that is wrong with them.
        SampleError
            If a read fails.
        """
        recipe = self.recipe
        entries = [self.locate(index) for index in indices]
        return read_entries(entries, BatchDTypes.common([recipe]), allocate) if entries else []

    def locate(self, index: SupportsIndex) -> Entry:
        """What an index stands for: the position, and the random numbers of its sample."""
        recipe = self.recipe
        i = self._position(index)
        draw = index.draw if isinstance(index, SampleIndex) else None
        seed = self._fallback_seed if self.seed is None else self.seed
        return Entry(recipe, i, draw or Draw(seed, self.epoch, i), i)

    def explain(self, index: SupportsIndex) -> Origin:
        """Which crop, place, motion and labels make a sample; IndexError where there is none."""
        return Origin.of(self.locate(index))

    @property
    def recipe(self) -> Recipe:
        """How samples are made from now on."""
        recipe, transforms = self._recipe, self._transforms
        if recipe is None or recipe.transforms is not transforms:
            recipe = Recipe(self._request, self.layout, self._readers, transforms, self._unknown)
            self._recipe = recipe
        return recipe

    @property
    def is_train(self) -> bool:
        """Whether spatial transforms are drawn."""
        return self._transforms.augment

    @is_train.setter
    def is_train(self, value: bool) -> None:
        self._change(augment=value)

    @property
    def spatial_transforms(self) -> Mapping[str, Any] | None:
        """The spatial transforms as they were given."""
        given: Mapping[str, Any] | None = self._given["spatial"]
        return given

    @property
    def raw_value_transforms(self) -> ValueCallable | Sequence[ValueCallable] | None:
        """The value transforms of the inputs as they were given."""
        given: ValueCallable | Sequence[ValueCallable] | None = self._given["raw"]
        return given

    @property
    def target_value_transforms(self) -> ValueCallable | Sequence[ValueCallable] | None:
        """The value transforms of the targets as they were given."""
        given: ValueCallable | Sequence[ValueCallable] | None = self._given["target"]
        return given

    @property
    def recipes(self) -> list[Recipe]:
        """The recipe, in a list: what a dataset made of datasets has several of."""
        return [self.recipe]

    @property
    def crops(self) -> list[CellMapDataset]:
        """The dataset, in a list: what a dataset made of datasets has several of."""
        return [self]

    @property
    def crop_sizes(self) -> list[int]:
        """The number of positions, in a list."""
        return [len(self)]

    def get_weighted_sampler(
        self,
        batch_size: int = 1,  # noqa: ARG002 - accepted from users of earlier releases
        rng: torch.Generator | None = None,
        *,
        samples_per_epoch: int | None = None,
    ) -> WeightedSampler:
        """Draws with replacement, each position as likely as any other: there is but one crop to weight.

        As :meth:`CellMapMultiDataset.get_weighted_sampler`.
        """
        return weighted_sampler(self, rng, [self], [1.0], samples_per_epoch)

    def set_epoch(self, epoch: int) -> None:
        """Let plain indices draw the augmentation of another epoch."""
        self.epoch = counted("epoch", epoch)

    def set_spatial_transforms(self, transforms: Mapping[str, Any] | None) -> None:
        """Replace the spatial transforms; ConfigurationError for what cannot be read."""
        table = spatial_table()
        if self._plugins is not None:
            self._plugins.add_spatial_transforms(table=table)
        self._change(spatial=SpatialTransforms.from_options(transforms, table))
        self._given["spatial"] = transforms

    def set_raw_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the inputs."""
        self._change(raw=ValueTransform.of(transforms))
        self._given["raw"] = transforms

    def set_target_value_transforms(self, transforms: ValueCallable | Sequence[ValueCallable] | None) -> None:
        """Replace the value transforms of the targets."""
        self._change(target=ValueTransform.of(transforms))
        self._given["target"] = transforms

    def lend_plugins(self, plugins: Any) -> None:
        """Ask these plugins for readers before the dataset's own; None takes back what was lent."""
        asked = [relay for relay in (_relay(plugins), self._plugins) if relay is not None]
        self._readers = Readers(InTurn(tuple(asked)) if asked else None, self._context)
        self._layout = self._recipe = self.tallies = None
        self.revision += 1

    def _change(self, **changes: Any) -> None:
        self._transforms = replace(self._transforms, **changes)
        self.revision += 1

    def with_arrays(
        self, input_arrays: ArrayOptions | None = None, target_arrays: ArrayOptions | None = None
    ) -> CellMapDataset:
        """The same crop, with the same transforms and seed, giving other arrays; None leaves them.

        Raises
        ------
        ConfigurationError
            If the arrays cannot be right, or targets are asked for where there are no labels.
        """
        other = copy.copy(self)
        other.input_arrays = dict(self.input_arrays if input_arrays is None else input_arrays)
        targets = self.target_arrays if target_arrays is None else target_arrays
        other._request = Request.parse(
            self.raw_path,
            self.target_path,
            self._request.classes or None,
            other.input_arrays,
            targets,
            self.class_relation_dict,
            pad=self.pad,
            native=self._request.native,
        )
        other.target_arrays = dict(targets) if other._request.targets else {}
        other._readers = Readers(self._readers.hooks, self._context)
        other._layout = other._recipe = other.tallies = None
        other.revision += 1
        return other

    def to(self, device: str | torch.device, non_blocking: bool = True) -> Self:  # noqa: ARG002
        """Take note of a device; samples stay on the CPU, loaders move batches."""
        self.device = device
        return self

    def close(self) -> None:
        """Let go of all open arrays; the next read opens them again."""
        self._readers.close()


def _relay(plugins: Any) -> Plugins | None:
    """What calls the hooks: a plugin manager's relay, or the object itself."""
    relay = getattr(plugins, "relay", plugins)
    asked = ("open_array", "add_spatial_transforms")
    if relay is None or all(callable(getattr(relay, hook, None)) for hook in asked):
        return cast("Plugins | None", relay)
    raise ConfigurationError(
        message(
            "a dataset asks one object for its hooks",
            place="plugins",
            expected="a PluginManager, or an object with open_array and add_spatial_transforms",
            got=repr(plugins),
            hint="make a manager of plugins or their names: cellmap_data.plugins.build_manager([...])",
        )
    )


def _check_choices(dtype: str, axis_order: str) -> None:
    for what, value, choices in (
        ("dtype", dtype, ("float32", "native")),
        ("axis_order", axis_order, (AXES,)),
    ):
        if value not in choices:
            raise ConfigurationError(
                message(f"Unknown {what}.", expected=" or ".join(choices), got=repr(value))
            )
