"""What calls hooks: one method for each, all arguments by position or keyword."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    import typer

    from cellmap_data.buffers import BatchSpec, SlotProvider
    from cellmap_data.plugins.manager import PluginManager
    from cellmap_data.storage import ArrayReader

__all__ = ["PluginRelay"]


class PluginRelay:
    """Calls hooks on the plugins of a manager as they are at the time of the call.

    Notify hooks return None, chain hooks the value as the last plugin returned it, first-result hooks what
    the first plugin with an answer gave, or None. ``cellmap_data.hookspecs`` describes each hook.

    It pickles with its manager; what arrives in another process works on copies of the plugins.

    The two chain hooks are written out, with one handler around all plugins: they run for every sample, and
    a shared function that takes ``*arguments`` costs three times as much.

    Raises
    ------
    HookError
        From every method that calls a hook: a plugin raised, or returned None from a chain hook.
    """

    __slots__ = ("__weakref__", "_manager")

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager

    def __reduce__(self) -> tuple[Callable[[PluginManager], PluginRelay], tuple[PluginManager]]:
        return attrgetter("relay"), (self._manager,)

    @property
    def version(self) -> int:
        """A number that changes with the set, order or state of the plugins."""
        return self._manager.snapshot().version

    def answers(self, hook: str) -> bool:
        """Whether any enabled plugin implements a hook."""
        return bool(self._manager.snapshot().order[hook])

    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None:
        """Tell that a batch will be read."""
        self._manager.snapshot().hook.pre_batch(dataset=dataset, indices=indices)

    def load_samples(self, dataset: Any, indices: Sequence[int]) -> Sequence[Any] | None:
        """Ask for the samples of a batch."""
        samples: Sequence[Any] | None
        samples = self._manager.snapshot().hook.load_samples(dataset=dataset, indices=indices)
        return samples

    def post_sample(self, sample: Any, index: int, rng: np.random.Generator, is_train: bool) -> Any:
        """Pass a sample through."""
        chain = self._manager.snapshot().chains["post_sample"]
        try:
            for call, bound in chain:
                returned = call(sample, index, rng, is_train)
                if returned is None:
                    bound.blame_for_nothing(index)
                sample = returned
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error, index)
        return sample

    def allocate_batch(self, spec: BatchSpec) -> SlotProvider | None:
        """Ask for memory."""
        provider: SlotProvider | None = self._manager.snapshot().hook.allocate_batch(spec=spec)
        return provider

    def post_collate(self, batch: Any, device: torch.device, is_train: bool) -> Any:
        """Pass a batch through."""
        chain = self._manager.snapshot().chains["post_collate"]
        try:
            for call, bound in chain:
                returned = call(batch, device, is_train)
                if returned is None:
                    bound.blame_for_nothing()
                batch = returned
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error)
        return batch

    def post_batch(self, batch: Mapping[str, Any]) -> None:
        """Tell that the consumer is done with a batch."""
        self._manager.snapshot().hook.post_batch(batch=batch)

    def pre_epoch(self, loader: Any, epoch: int) -> None:
        """Tell that iteration starts."""
        self._manager.snapshot().hook.pre_epoch(loader=loader, epoch=epoch)

    def post_epoch(self, loader: Any, epoch: int) -> None:
        """Tell that iteration ended."""
        self._manager.snapshot().hook.post_epoch(loader=loader, epoch=epoch)

    def setup_worker(self, worker_id: int, num_workers: int, seed: int) -> None:
        """Tell that this worker process has started."""
        self._manager.snapshot().hook.setup_worker(worker_id=worker_id, num_workers=num_workers, seed=seed)

    def teardown_worker(self, worker_id: int) -> None:
        """Tell that this worker process is about to end."""
        self._manager.snapshot().hook.teardown_worker(worker_id=worker_id)

    def open_array(self, uri: str, context: Any) -> ArrayReader | None:
        """Ask for a reader."""
        reader: ArrayReader | None = self._manager.snapshot().hook.open_array(uri=uri, context=context)
        return reader

    def add_spatial_transforms(self, table: dict[str, Any]) -> None:
        """Have entries put into the table of spatial transforms."""
        self._manager.snapshot().hook.add_spatial_transforms(table=table)

    def add_commands(self, app: typer.Typer) -> None:
        """Have commands put into the command line."""
        self._manager.snapshot().hook.add_commands(app=app)
