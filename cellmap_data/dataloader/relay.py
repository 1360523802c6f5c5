"""What the loader asks of hooks: one method for each, so that it needs to know no plugin manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cellmap_data import hooktypes
from cellmap_data.account import Account
from cellmap_data.buffers import BatchSpec, SlotProvider
from cellmap_data.dataloader.board import Board

if TYPE_CHECKING:
    import numpy as np
    import torch


class HookRelay(
    hooktypes.PreBatch,
    hooktypes.LoadSamples,
    hooktypes.PostSample,
    hooktypes.AllocateBatch,
    hooktypes.PostCollate,
    hooktypes.PostBatch,
    hooktypes.PreEpoch,
    hooktypes.PostEpoch,
    hooktypes.SetupWorker,
    hooktypes.TeardownWorker,
    Protocol,
):
    """Calls hooks on every plugin; ``cellmap_data.hookspecs`` says what each means.

    It is pickled to worker processes and works there on copies of the plugins. ``version`` changes whenever
    such copies would differ from the plugins here, unless it is by a switch: these are shown on a board.
    """

    @property
    def version(self) -> int:
        """A number that changes with the set, order or state of the plugins."""

    @property
    def switches(self) -> Sequence[bool]:
        """Whether each plugin is enabled, in a fixed order."""

    def answers(self, hook: str) -> bool:
        """Whether any enabled plugin implements a hook."""

    def pinned(self) -> HookRelay:
        """The same for one batch: a plugin that is switched meanwhile acts on later ones."""

    def publish(self, board: Board) -> None:
        """Show the switches on a board, from now on and for as long as it lives."""

    def follow(self, board: Board) -> None:
        """Switch plugins as the board says."""

    def take_account(self) -> Account:
        """What plugins cost in this process since the last time, and where they failed."""


class NoPlugins:
    """The relay of the plain loader: nothing hooks in, batches live in reused memory."""

    version = 0
    switches = ()

    def __init__(self) -> None:
        self._providers: dict[BatchSpec, SlotProvider] = {}

    def __reduce__(self) -> tuple[type[NoPlugins], tuple[()]]:
        return NoPlugins, ()

    def answers(self, hook: str) -> bool:
        """Only the question for memory is answered."""
        return hook == "allocate_batch"

    def pinned(self) -> NoPlugins:
        """There is nothing to switch."""
        return self

    def publish(self, board: Board) -> None:
        """There is nothing to show."""

    def follow(self, board: Board) -> None:
        """There is nothing to switch."""

    def take_account(self) -> Account:
        """Nothing costs anything."""
        return Account()

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
