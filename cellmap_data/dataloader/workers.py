"""The worker's side: what runs in a process that reads for another."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection, util
from multiprocessing.context import BaseContext
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch.utils.data import get_worker_info

from cellmap_data import storage
from cellmap_data.buffers import SharedMemory
from cellmap_data.chunks import team
from cellmap_data.dataloader.board import Board
from cellmap_data.dataloader.delivery import Delivery, Parcel, Place, failed, pack
from cellmap_data.dataloader.planned import PlannedBatch
from cellmap_data.dataloader.reading import BatchReader
from cellmap_data.dataloader.relay import HookRelay
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import Draw, SampleIndex

THREAD_PREFIX = "cellmap-data"
_PRELOAD = [
    "torch",
    "tensorstore",
    "cellmap_data.chunks.kernels",
    "cellmap_data.dataloader",
    "cellmap_data.dataset",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """One batch as it is sent to a worker."""

    run: int
    seed: int
    epoch: int
    indices: tuple[int, ...]
    ks: tuple[int, ...]
    place: Place | None


class WorkerDataset:
    """What the private DataLoader of a loader calls its dataset: it turns plans into parcels."""

    def __init__(self, reader: BatchReader, board: Board, memory: SharedMemory | None) -> None:
        self._reader, self._board, self._memory = reader, board, memory

    def __getitems__(self, plan: Plan) -> Parcel | Delivery:
        """Read one batch into its slot; an error becomes a delivery too, so that it keeps its type."""
        if self._board.run != plan.run:
            return Delivery()
        try:
            self._reader.hooks.follow(self._board)
            return self._read(plan)
        except Exception as error:  # noqa: BLE001 - the boundary of the process: all of it is sent on
            return failed(error, self._reader.hooks.take_account())

    def _read(self, plan: Plan) -> Parcel:
        place, root = plan.place, None
        if place is not None and self._memory is not None:
            root = self._memory.open(place.number, place.offset, place.nbytes)
            # A plugin may keep what it sees here: the slot is used again when the last reference is gone.
            self._memory.hold(place.number, 1)
            weakref.finalize(root, self._memory.hold, place.number, -1).atexit = False
        draws = (Draw(plan.seed, plan.epoch, k) for k in plan.ks)
        planned = PlannedBatch([SampleIndex(i, d) for i, d in zip(plan.indices, draws, strict=True)], root)
        view = self._reader.view()
        self._reader.announce(view, planned)
        batch = self._reader.read(view, planned)
        planned.counts += storage.take_counts().items()
        self._board.count(_worker_id(), plan.run)
        return pack(batch, planned, place, self._reader.hooks.take_account())


def _worker_id() -> int:
    info = get_worker_info()
    return info.id if info is not None else 0


@dataclass(frozen=True)
class WorkerSetup:
    """Runs once in every worker before it reads: the user's own initialisation, then the hook.

    The budget for decoded chunks is the consumer's, divided among the workers; so are processors.
    """

    hooks: HookRelay
    num_workers: int
    seed: int
    worker_init_fn: Callable[[int], None] | None
    cache_budget: int

    def __call__(self, worker_id: int) -> None:
        """Set this worker up."""
        _die_with_parent()
        storage.use_one_heap()
        storage.keep_freed_memory()
        storage.set_cache_budget(self.cache_budget // self.num_workers)
        team.size //= self.num_workers
        storage.take_counts()
        self.hooks.take_account()  # a forked process has a copy of what the consumer's will tell itself
        if self.worker_init_fn is not None:
            self.worker_init_fn(worker_id)
        self.hooks.setup_worker(worker_id=worker_id, num_workers=self.num_workers, seed=self.seed)
        # multiprocessing ends a process without running atexit; its own finalizers do run.
        util.Finalize(None, self.hooks.teardown_worker, kwargs={"worker_id": worker_id}, exitpriority=10)


def _die_with_parent() -> None:
    """End this process as soon as the consumer's is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, name=f"{THREAD_PREFIX}-parent-watch", daemon=True).start()


def start_context(requested: str | BaseContext | None) -> BaseContext:
    """How to start workers: fork where nothing speaks against it, else forkserver.

    Raises
    ------
    ConfigurationError
        When fork was asked for and would hang or crash a reader.
    """
    reasons = _against_fork()
    name = requested if isinstance(requested, str) or requested is None else requested.get_start_method()
    if name == "fork" and reasons:
        raise ConfigurationError(
            message(
                "workers cannot be forked now",
                got="; ".join(reasons),
                expected="a process that has not read yet",
                hint="leave multiprocessing_context out, or pass 'forkserver' or 'spawn'",
            )
        )
    if isinstance(requested, BaseContext):
        return requested
    available = multiprocessing.get_all_start_methods()
    if name is None:
        name = next(m for m in ("fork" if not reasons else "", "forkserver", "spawn") if m in available)
    context = torch.multiprocessing.get_context(name)
    if name == "forkserver":
        context.set_forkserver_preload(_PRELOAD)
    return context


def _against_fork() -> list[str]:
    reasons = []
    if storage.live_reader():
        reasons.append("this process reads in threads, which do not survive a fork")
    if any(thread.name.startswith(THREAD_PREFIX) for thread in threading.enumerate()):
        reasons.append("this process is reading ahead in threads")
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        reasons.append("CUDA is initialised in this process")
    return reasons


def check_picklable(parts: dict[str, Any]) -> None:
    """Find out in the consumer which part of a loader cannot travel to a worker; plugins check themselves.

    Raises
    ------
    ConfigurationError
        Naming the part and the reason.
    """
    for name, part in parts.items():
        try:
            ForkingPickler.dumps(part)
        except RuntimeError:
            continue  # locks and shared values of multiprocessing, which travel only while a process starts
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                message(
                    f"the {name} cannot be sent to worker processes",
                    place=repr(type(part)),
                    got=error,
                    hint="define functions and classes at the top level of a module, or use num_workers=0",
                )
            ) from error


def unchanged(parcels: Sequence[Any]) -> Any:
    """The collate function of the private DataLoader: parcels are batches already."""
    return parcels
