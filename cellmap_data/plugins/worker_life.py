"""The life of plugins in a worker process, where any of them may be switched on late."""

from __future__ import annotations

from cellmap_data.plugins.ordering import Snapshot

__all__ = ["WorkerLife"]


class WorkerLife:
    """Remembers which plugins took part in this process, so that each is set up and torn down once."""

    def __init__(self) -> None:
        self._arguments: tuple[int, int, int] | None = None
        self._known: set[str] = set()

    def begin(self, snapshot: Snapshot, worker_id: int, num_workers: int, seed: int) -> None:
        """Set up the plugins that are on."""
        self._arguments = worker_id, num_workers, seed
        self._known = _on(snapshot)
        snapshot.hook.setup_worker(worker_id=worker_id, num_workers=num_workers, seed=seed)

    def catch_up(self, snapshot: Snapshot) -> None:
        """Set up the plugins that have been switched on since; nothing outside a worker."""
        if self._arguments is None:
            return
        late = _on(snapshot) - self._known
        self._known |= late
        for bound in snapshot.order["setup_worker"]:
            if (
                bound.author.plugin in late and not bound.is_wrapper
            ):  # alone, there is nothing to stand around
                snapshot.manager.call_one(bound, *self._arguments)

    def end(self, snapshot: Snapshot, worker_id: int) -> None:
        """Tear down the plugins that are on, then those that were on once."""
        snapshot.hook.teardown_worker(worker_id=worker_id)
        off = self._known - _on(snapshot)
        for plugin in snapshot.arrangement.plugins:
            bound = plugin.hooks.get("teardown_worker")
            if bound is not None and plugin.name in off:
                snapshot.manager.call_one(bound, worker_id)
        self._known.clear()


def _on(snapshot: Snapshot) -> set[str]:
    return {plugin.name for plugin in snapshot.arrangement.plugins if plugin.controls.enabled}
