"""What calls hooks: one method for each, all arguments by position or keyword."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmap_data.account import Account

if TYPE_CHECKING:
    import numpy as np
    import torch
    import typer

    from cellmap_data.buffers import BatchSpec, SlotProvider
    from cellmap_data.plugins.ordering import Snapshot
    from cellmap_data.plugins.roster import Roster, Switchboard
    from cellmap_data.storage import ArrayReader, GroupReader

__all__ = ["PluginRelay"]


class PluginRelay:
    """Calls hooks on plugins as they are at the time of the call.

    Notify hooks return None, chain hooks the value as the last plugin returned it, first-result hooks what
    the first plugin with an answer gave, or None. ``cellmap_data.hookspecs`` describes each hook.

    It pickles with its roster; what arrives in another process works on copies of the plugins.

    The two chain hooks are written out, with one handler around all plugins: they run for every sample, and
    a shared function that takes ``*arguments`` costs three times as much.

    Raises
    ------
    HookError
        From every method that calls a hook: a plugin raised, or returned None from a chain hook.
    """

    __slots__ = ("__weakref__", "_now", "_roster")

    def __init__(self, roster: Roster, pinned: Snapshot | None = None) -> None:
        self._roster = roster
        self._now = roster.snapshot if pinned is None else lambda: pinned

    def __reduce__(self) -> tuple[type[PluginRelay], tuple[Roster]]:
        return PluginRelay, (self._roster,)

    @property
    def version(self) -> int:
        """A number that changes with the set, order or state of the plugins, but not when one is switched."""
        return self._now().version

    @property
    def switches(self) -> Sequence[bool]:
        """Whether each plugin is enabled, in the order of registration."""
        return self._now().switches

    def answers(self, hook: str) -> bool:
        """Whether any enabled plugin implements a hook."""
        return bool(self._now().order[hook])

    def pinned(self) -> PluginRelay:
        """The same for one batch: what is switched meanwhile concerns later ones."""
        return PluginRelay(self._roster, self._now())

    def take_account(self) -> Account:
        """What the plugins cost in this process since the last time, and where they failed."""
        return self._roster.take_account()

    def publish(self, board: Switchboard) -> None:
        """Keep a board up to date for as long as it lives."""
        self._roster.publish(board)

    def follow(self, board: Switchboard) -> None:
        """Switch the plugins of this process as a board says."""
        self._roster.follow(board)

    def pre_batch(self, dataset: Any, indices: Sequence[int]) -> None:
        """Tell that a batch will be read."""
        self._now().hook.pre_batch(dataset=dataset, indices=indices)

    def load_samples(self, dataset: Any, indices: Sequence[int]) -> Sequence[Any] | None:
        """Ask for the samples of a batch."""
        now = self._now()
        if not now.order["load_samples"]:
            return None  # pluggy takes a microsecond to find out
        samples: Sequence[Any] | None = now.hook.load_samples(dataset=dataset, indices=indices)
        return samples

    def post_sample(self, sample: Any, index: int, rng: np.random.Generator, is_train: bool) -> Any:
        """Pass a sample through."""
        chain, recorder, clock = self._now().chains["post_sample"], self._roster.recorder, time.perf_counter
        if chain.careful:
            rest, skippable = (index, rng, is_train), is_train
            return chain.run(sample, *rest, recorder=recorder, index=index, replaceable=skippable)
        kind, marks = sample.__class__, [clock()]
        try:
            for call, bound in chain.answers:
                returned = call(sample, index, rng, is_train)
                if returned.__class__ is not kind:
                    bound.check(returned, sample, index)
                sample = returned
                marks.append(clock())
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error, index)
        recorder.note_chain((chain.answers, marks))
        return sample

    def allocate_batch(self, spec: BatchSpec) -> SlotProvider | None:
        """Ask for memory."""
        provider: SlotProvider | None = self._now().hook.allocate_batch(spec=spec)
        return provider

    def post_collate(self, batch: Any, device: torch.device, is_train: bool) -> Any:
        """Pass a batch through."""
        chain, recorder, clock = self._now().chains["post_collate"], self._roster.recorder, time.perf_counter
        if chain.careful:
            return chain.run(batch, device, is_train, recorder=recorder)
        kind, marks = batch.__class__, [clock()]
        try:
            for call, bound in chain.answers:
                returned = call(batch, device, is_train)
                if returned.__class__ is not kind:
                    bound.check(returned, batch)
                batch = returned
                marks.append(clock())
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            bound.blame(error)
        recorder.note_chain((chain.answers, marks))
        return batch

    def post_batch(self, batch: Mapping[str, Any]) -> None:
        """Tell that the consumer is done with a batch."""
        self._now().hook.post_batch(batch=batch)

    def pre_epoch(self, loader: Any, epoch: int) -> None:
        """Tell that iteration starts."""
        self._now().hook.pre_epoch(loader=loader, epoch=epoch)

    def post_epoch(self, loader: Any, epoch: int) -> None:
        """Tell that iteration ended."""
        self._now().hook.post_epoch(loader=loader, epoch=epoch)

    def setup_worker(self, worker_id: int, num_workers: int, seed: int) -> None:
        """Tell that this worker process has started; who is switched on later is told then."""
        self._roster.life.begin(self._now(), worker_id, num_workers, seed)

    def teardown_worker(self, worker_id: int) -> None:
        """Tell all that were set up that this worker process is about to end."""
        self._roster.life.end(self._now(), worker_id)

    def open_array(self, uri: str, context: Any) -> ArrayReader | GroupReader | None:
        """Ask for a reader."""
        reader: ArrayReader | GroupReader | None = self._now().hook.open_array(uri=uri, context=context)
        return reader

    def add_spatial_transforms(self, table: dict[str, Any]) -> None:
        """Have entries put into the table of spatial transforms."""
        self._now().hook.add_spatial_transforms(table=table)

    def add_commands(self, app: typer.Typer) -> None:
        """Have commands put into the command line."""
        self._now().hook.add_commands(app=app)
