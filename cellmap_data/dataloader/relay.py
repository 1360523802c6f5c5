"""What the loader asks of hooks: one method for each, so that it needs to know no plugin manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cellmap_data.buffers import BatchSpec, SlotProvider

if TYPE_CHECKING:
    import numpy as np
    import torch


class HookRelay(Protocol):
    """Calls a hook on every plugin; see ``cellmap_data.hookspecs`` for what each means.

    It is pickled to worker processes and works there on copies of the plugins. ``version`` changes whenever
    such copies would differ from the plugins here.
    """

    @property
    def version(self) -> int:
        """A number that changes with the set, order or state of the plugins."""

    def answers(self, hook: str) -> bool:
        """Whether any enabled plugin implements a hook."""

    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None: ...

    def load_samples(self, dataset: Any, indices: Sequence[int]) -> Sequence[Any] | None: ...

    def post_sample(self, sample: Any, index: int, rng: np.random.Generator, is_train: bool) -> Any: ...

    def allocate_batch(self, spec: BatchSpec) -> SlotProvider | None: ...

    def post_collate(self, batch: Any, device: torch.device, is_train: bool) -> Any: ...

    def post_batch(self, batch: Mapping[str, Any]) -> None: ...

    def pre_epoch(self, loader: Any, epoch: int) -> None: ...

    def post_epoch(self, loader: Any, epoch: int) -> None: ...

    def setup_worker(self, worker_id: int, num_workers: int, seed: int) -> None: ...

    def teardown_worker(self, worker_id: int) -> None: ...


class NoPlugins:
    """The relay of the plain loader: nothing hooks in, batches live in reused memory."""

    version = 0

    def __init__(self) -> None:
        self._providers: dict[BatchSpec, SlotProvider] = {}

    def __reduce__(self) -> tuple[type[NoPlugins], tuple[()]]:
        return NoPlugins, ()

    def answers(self, hook: str) -> bool:
        """Only the question for memory is answered."""
        return hook == "allocate_batch"

    def allocate_batch(self, spec: BatchSpec) -> SlotProvider | None:
        """One provider for each kind of memory."""
        if spec not in self._providers:
            self._providers[spec] = SlotProvider(spec)
        return self._providers[spec]

    def load_samples(self, dataset: Any, indices: Sequence[int]) -> None:
        """No answer: a plain read."""

    def post_sample(self, sample: Any, index: int, rng: np.random.Generator, is_train: bool) -> Any:  # noqa: ARG002
        """The sample as it is."""
        return sample

    def post_collate(self, batch: Any, device: torch.device, is_train: bool) -> Any:  # noqa: ARG002
        """The batch as it is."""
        return batch

    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None:
        """Nobody to tell."""

    def post_batch(self, batch: Mapping[str, Any]) -> None:
        """Nobody to tell."""

    def pre_epoch(self, loader: Any, epoch: int) -> None:
        """Nobody to tell."""

    def post_epoch(self, loader: Any, epoch: int) -> None:
        """Nobody to tell."""

    def setup_worker(self, worker_id: int, num_workers: int, seed: int) -> None:
        """Nobody to tell."""

    def teardown_worker(self, worker_id: int) -> None:
        """Nobody to tell."""
