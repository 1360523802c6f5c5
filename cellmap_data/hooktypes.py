"""A type for each hook: with it a wrong signature is an error in the author's editor.

Derive from the types of the hooks that you answer. Type checkers then tell of a method that is missing or
misspelt, of an argument that is missing or of another type, and of a wrong return value; pyright also of a
misspelt argument, which mypy leaves to registration::

    class Brighten(PostSample):
        @hookimpl
        def post_sample(
            self, sample: MutableMapping[str, Any], index: int, rng: np.random.Generator, is_train: bool
        ) -> MutableMapping[str, Any]:
            ...

Or say it beside the plugin, which may be a module as well: ``_: PostSample = my_module``.

With these types a method takes all arguments of its hook, in this order. A plugin may also take fewer, or in
another order, but typing has no words for that: it then does without the types, and is checked when it is
registered, as all are.

``cellmap_data.hookspecs`` describes the hooks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    import typer

    from cellmap_data.buffers import BatchSpec, SlotProvider
    from cellmap_data.storage import ArrayReader, GroupReader

__all__ = [
    "AddCommands",
    "AddSpatialTransforms",
    "AllocateBatch",
    "LoadSamples",
    "OpenArray",
    "PostBatch",
    "PostCollate",
    "PostEpoch",
    "PostSample",
    "PreBatch",
    "PreEpoch",
    "SetupWorker",
    "TeardownWorker",
]


class PreBatch(Protocol):
    """Is told that a batch will be read."""

    @abstractmethod
    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None: ...


class LoadSamples(Protocol):
    """Brings the samples of a batch, or leaves it to a plain read."""

    @abstractmethod
    def load_samples(self, dataset: Any, indices: Sequence[int]) -> Sequence[Mapping[str, Any]] | None: ...


class PostSample(Protocol):
    """Changes a sample that has been read."""

    @abstractmethod
    def post_sample(
        self, sample: MutableMapping[str, Any], index: int, rng: np.random.Generator, is_train: bool
    ) -> Any: ...


class AllocateBatch(Protocol):
    """Brings memory for batches."""

    @abstractmethod
    def allocate_batch(self, spec: BatchSpec) -> SlotProvider | None: ...


class PostCollate(Protocol):
    """Changes a batch that is complete."""

    @abstractmethod
    def post_collate(self, batch: MutableMapping[str, Any], device: torch.device, is_train: bool) -> Any: ...


class PostBatch(Protocol):
    """Is told that the consumer is done with a batch."""

    @abstractmethod
    def post_batch(self, batch: Mapping[str, Any]) -> None: ...


class PreEpoch(Protocol):
    """Is told that iteration starts."""

    @abstractmethod
    def pre_epoch(self, loader: Any, epoch: int) -> None: ...


class PostEpoch(Protocol):
    """Is told that iteration ended."""

    @abstractmethod
    def post_epoch(self, loader: Any, epoch: int) -> None: ...


class SetupWorker(Protocol):
    """Is told that a worker process has started."""

    @abstractmethod
    def setup_worker(self, worker_id: int, num_workers: int, seed: int) -> None: ...


class TeardownWorker(Protocol):
    """Is told that a worker process is about to end."""

    @abstractmethod
    def teardown_worker(self, worker_id: int) -> None: ...


class OpenArray(Protocol):
    """Opens a path as an array or a multiscale group, or leaves it to the next."""

    @abstractmethod
    def open_array(self, uri: str, context: Any) -> ArrayReader | GroupReader | None: ...


class AddSpatialTransforms(Protocol):
    """Adds spatial transforms to the table of a dataset."""

    @abstractmethod
    def add_spatial_transforms(self, table: dict[str, Any]) -> None: ...


class AddCommands(Protocol):
    """Adds commands to the command line."""

    @abstractmethod
    def add_commands(self, app: typer.Typer) -> None: ...
