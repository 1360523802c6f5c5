"""The life of plugins in a worker process, where any of them may be switched on late."""

from __future__ import annotations

from cellmap_data.plugins.ordering import Snapshot

__all__ = ["WorkerLife"]


class WorkerLife:
    """Remembers which plugins were set up in this process, so that each is set up and torn down once."""

    def __init__(self) -> None:
        self._arguments: tuple[int, int, int] | None = None
        self._set_up: set[str] = set()

    def begin(self, snapshot: Snapshot, worker_id: int, num_workers: int, seed: int) -> None:
        """Set up the plugins that are on."""
        self._arguments = worker_id, num_workers, seed
        self._set_up = {bound.author.plugin for bound in snapshot.order["setup_worker"]}
        snapshot.hook.setup_worker(worker_id=worker_id, num_workers=num_workers, seed=seed)

    def catch_up(self, snapshot: Snapshot) -> None:
        """Set up the plugins that have been switched on since; nothing outside a worker."""
        if self._arguments is None:
            return
        for bound in snapshot.order["setup_worker"]:
            if bound.author.plugin not in self._set_up:
                self._set_up.add(bound.author.plugin)
                snapshot.manager.call_one(bound, *self._arguments)

    def end(self, snapshot: Snapshot, worker_id: int) -> None:
        """Tear down the plugins that are on, then those that were set up and switched off later."""
        snapshot.hook.teardown_worker(worker_id=worker_id)
        on = {bound.author.plugin for bound in snapshot.order["teardown_worker"]}
        for plugin in snapshot.arrangement.plugins:
            bound = plugin.hooks.get("teardown_worker")
            if bound is not None and plugin.name in self._set_up - on:
                snapshot.manager.call_one(bound, worker_id)
        self._set_up.clear()
