"""What a type checker says of plugins; checked by mypy and never run.

Where a comment says ``type: ignore[...]`` there must be exactly that error: mypy refuses one without need.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch

from cellmap_data.hookspecs import hookimpl
from cellmap_data.hooktypes import (
    AddCommands,
    AddSpatialTransforms,
    AllocateBatch,
    LoadSamples,
    OpenArray,
    PostBatch,
    PostCollate,
    PostEpoch,
    PostSample,
    PreBatch,
    PreEpoch,
    SetupWorker,
    TeardownWorker,
)
from cellmap_data.plugins import DataLoaderPlugin, PluginManager, PluginRelay
from tests.typing import module_plugin

Sample = MutableMapping[str, Any]


class Full(PostSample, PreBatch):
    """Derives from two types and takes all arguments."""

    @hookimpl
    def post_sample(self, sample: Sample, index: int, rng: np.random.Generator, is_train: bool) -> Sample:
        return sample

    @hookimpl
    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None: ...


class Wider(PostSample, PostCollate):
    """What it takes may be of a wider type, what it returns of a narrower one."""

    @hookimpl
    def post_sample(self, sample: object, index: object, rng: object, is_train: object) -> Sample:
        return {}

    @hookimpl
    def post_collate(self, batch: Sample, device: torch.device, is_train: bool) -> dict[str, Any]:
        return {}


class Listing(DataLoaderPlugin, PostBatch):
    """The base class and a type go together."""

    def get_hook_methods(self) -> dict[str, str]:
        return {"post_batch": "post_batch"}

    def post_batch(self, batch: Mapping[str, Any]) -> None: ...


full, wider, listing = Full(), Wider(), Listing("listing")


class Misspelt(PostSample):
    @hookimpl
    def post_smaple(self, sample: Sample, index: int, rng: np.random.Generator, is_train: bool) -> Sample:
        return sample


Misspelt()  # type: ignore[abstract]


class OtherOrder(PreEpoch):
    """Works, but typing has no words for it."""

    @hookimpl
    def pre_epoch(self, epoch: int, loader: PluginManager) -> None: ...  # type: ignore[override]


class WrongType(PreEpoch):
    @hookimpl
    def pre_epoch(self, loader: Any, epoch: str) -> None: ...  # type: ignore[override]


class TooFew(PostSample):
    """Works, but typing has no words for it."""

    @hookimpl
    def post_sample(self, sample: Sample) -> Sample:  # type: ignore[override]
        return sample


class TooMany(PreEpoch):
    @hookimpl
    def pre_epoch(self, loader: Any, epoch: int, step: int) -> None: ...  # type: ignore[override]


class WrongAnswer(LoadSamples):
    @hookimpl
    def load_samples(self, dataset: Any, indices: Sequence[int]) -> int:  # type: ignore[override]
        return 0


class Underived:
    """Compared where it is used."""

    @hookimpl
    def post_epoch(self, loader: Any, epoch: int) -> None: ...

    @hookimpl
    def setup_worker(self, worker_id: int, num_workers: int) -> None: ...


def takes_worker_plugins(plugin: SetupWorker) -> None: ...


is_told: PostEpoch = Underived()
is_not: SetupWorker = Underived()  # type: ignore[assignment]
takes_worker_plugins(Underived())  # type: ignore[arg-type]

module: PostBatch = module_plugin
of_wrong_type: PreEpoch = module_plugin  # type: ignore[assignment]

relay: PluginRelay = PluginManager().relay
add_commands: AddCommands = relay
add_spatial_transforms: AddSpatialTransforms = relay
allocate_batch: AllocateBatch = relay
load_samples: LoadSamples = relay
open_array: OpenArray = relay
post_batch: PostBatch = relay
post_collate: PostCollate = relay
post_epoch: PostEpoch = relay
post_sample: PostSample = relay
pre_batch: PreBatch = relay
pre_epoch: PreEpoch = relay
setup_worker: SetupWorker = relay
teardown_worker: TeardownWorker = relay
relay.post_sample({}, "3", np.random.default_rng(), True)  # type: ignore[arg-type]
