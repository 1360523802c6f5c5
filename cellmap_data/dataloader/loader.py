"""The plain loader: reads, collates, reuses memory; knows no plugin."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, SupportsIndex

import torch
from torch.utils.data import DataLoader, IterableDataset, Subset

from cellmap_data.buffers import BatchSpec
from cellmap_data.config import named, whole_number
from cellmap_data.dataloader.choice import SamplerLike, Wishes
from cellmap_data.dataloader.collate import collate
from cellmap_data.dataloader.engine import Engine
from cellmap_data.dataloader.front import TicketLoader
from cellmap_data.dataloader.locality import WindowWish
from cellmap_data.dataloader.options import TorchOptions, check_counts
from cellmap_data.dataloader.provenance import Explanation, batch_of, explanation
from cellmap_data.dataloader.reading import BatchReader
from cellmap_data.dataloader.relay import HookRelay, NoPlugins
from cellmap_data.dataloader.report import Report
from cellmap_data.dataloader.schedule import OrderSchedule, Schedule
from cellmap_data.dataloader.sources import LocalSource, Source
from cellmap_data.dataloader.state import load_state, saved_state
from cellmap_data.dataloader.worker_source import WorkerSource
from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import Clock, RankOptions


class CellMapDataLoader:
    """Batches of a dataset for PyTorch.

    ``for batch in loader`` and ``for batch in loader.loader`` are the same thing; ``loader.loader`` is a
    stock ``torch.utils.data.DataLoader``. A batch is a dict: ``"idx"`` int64 ``[B]``, each input
    ``[B, 1, *spatial]``, each target ``[B, n_classes, *spatial]``; fields that are no tensors are lists. The
    memory of a batch is used again when nothing refers to it any more.

    Sample k of an epoch is a function of (seed, epoch, k): the same for any number of workers.

    Parameters
    ----------
    dataset
        A map-style dataset.
    classes
        Kept for whoever asks; None takes the dataset's. Targets have the dataset's classes.
    batch_size
        Samples in a batch.
    num_workers
        Processes that read; with 0 this process reads.
    weighted_sampler
        Draw with the dataset's own ``get_weighted_sampler(batch_size=, rng=)``.
    sampler
        Indices in the order to use, or a callable that gives them anew at each :meth:`refresh`. None =
        shuffled without replacement in training, in sequence otherwise.
    is_train
        Whether transforms and plugins should augment.
    rng
        Its ``initial_seed()`` is the seed. None = the dataset's ``seed``, else ``torch.initial_seed()``.
    device
        The device of the model. This loader delivers on the CPU; plugins may move batches there.
    iterations_per_epoch
        Batches of an epoch, on each rank; None = every position once, all ranks together.
    rank, world_size
        Which share of an epoch to take. None for those of ``torch.distributed``, if that is initialised when
        iteration begins. ``world_size=1`` for the whole epoch on every rank, if somebody else splits it.
    patches_per_window
        Take so many patches of one part of a volume before moving on, so that its chunks are decoded once;
        None = none of this. An epoch is still every position once, and sample k the same for any number of
        workers. What it saves and how mixed batches are is printed.
    window, windows_at_once
        Voxels that the patches of a window lie in (None: about twice a patch), and how many windows take
        turns, as for the dataset's ``get_windowed_sampler``.
    **torch_options
        As for ``torch.utils.data.DataLoader``: pin_memory, drop_last, persistent_workers, prefetch_factor,
        timeout, worker_init_fn, multiprocessing_context, collate_fn, batch_sampler, shuffle, generator (as
        ``rng``). in_order and pin_memory_device are taken and change nothing.

    Raises
    ------
    ConfigurationError
        When arguments contradict each other, a keyword is unknown, or the dataset is an IterableDataset.

    Attributes
    ----------
    loader
        The stock DataLoader.
    hooks
        What the loader calls where a plugin could take part.
    """

    def __init__(
        self,
        dataset: Any,
        classes: Sequence[str] | None = None,
        batch_size: int = 1,
        num_workers: int = 0,
        weighted_sampler: bool = False,
        sampler: SamplerLike | None = None,
        is_train: bool = True,
        rng: torch.Generator | None = None,
        device: str | torch.device | None = None,
        iterations_per_epoch: int | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        patches_per_window: int | None = None,
        window: Sequence[int] | int | None = None,
        windows_at_once: int = 4,
        **torch_options: Any,
    ) -> None:
        _check_positions(dataset)
        self.dataset = dataset
        self.classes = classes if classes is not None else getattr(dataset, "classes", None)
        self.batch_size, self.num_workers, self.is_train = batch_size, num_workers, is_train
        self.weighted_sampler, self.sampler, self.rng = weighted_sampler, sampler, rng
        self.iterations_per_epoch = iterations_per_epoch
        self._ranks = RankOptions.checked(rank, world_size)
        self.patches_per_window, self.window = patches_per_window, window
        self.windows_at_once = windows_at_once
        self._engine: Engine | None = None
        self.device_manager = DeviceManager(device)
        mine = inspect.signature(type(self)).parameters
        self._options = TorchOptions.checked(
            torch_options, num_workers, batch_size, iterations_per_epoch, mine
        )
        self._clock = Clock(_seed_of(dataset, rng or self._options.generator))
        self.hooks = self._make_hooks()
        self.refresh()

    def refresh(self) -> None:
        """Apply what was assigned to ``sampler``, ``batch_size``, ``num_workers``, ``dataset``, ``is_train``.

        Iteration in progress is closed, workers end, a callable ``sampler`` is called again.

        Raises
        ------
        ConfigurationError
            When one of them cannot be right; the loader goes on as it was.
        """
        _check_positions(self.dataset)
        check_counts(self.num_workers, self.batch_size, self.iterations_per_epoch)
        if self._engine is not None:
            self._engine.close()
        schedule = self._schedule()
        if isinstance(schedule, OrderSchedule):
            schedule.drive(self._clock)
        reader = BatchReader(
            self.dataset, self.hooks, self.is_train, self._options.collate_fn, schedule.sampled
        )
        local = LocalSource(reader, self._batch_spec(shared=False), self._window())
        this, clock = weakref.ref(self), self._clock
        self._engine = Engine(
            owner=this,
            reader=reader,
            source=self._source(reader) if self.num_workers else local,
            local=local,
            schedule=schedule,
            clock=clock,
            device_manager=self.device_manager,
            num_workers=self.num_workers,
        )
        self.loader: DataLoader[Any] = TicketLoader.of(
            self._engine, self.dataset, self.batch_size, self._options.drop_last
        )

    def __repr__(self) -> str:
        options = f"batch_size={self.batch_size}, num_workers={self.num_workers}, is_train={self.is_train}"
        return f"{type(self).__name__}({self.dataset!r}, {options})"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)

    def __len__(self) -> int:
        """The number of batches of an epoch."""
        return len(self.loader)

    def __getitem__(self, indices: SupportsIndex | slice | Iterable[SupportsIndex]) -> Any:
        """The batch of one dataset index, several, or a slice, read here and now; epoch hooks do not fire."""
        if isinstance(indices, slice):
            indices = range(*indices.indices(len(self.dataset)))
        if getattr(indices, "ndim", None) == 0:  # a tensor of one index, which only looks iterable
            indices = whole_number(indices)
        several = [whole_number(i) for i in (indices if isinstance(indices, Iterable) else [indices])]
        if not several:
            raise ConfigurationError(message("a batch has at least one sample", got="no index"))
        return self._running.read_now(several)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End iteration and workers. The loader can be used again."""
        self._running.close()

    def report(self) -> Report:
        """What has been delivered and where the time went, since the last :meth:`refresh`."""
        report = self._running.report
        report.account.add(self.hooks.take_account())
        advise = getattr(self.dataset, "advise", None)
        advice = advise() if advise is not None and report.traffic.chunks else None
        report.chunk_advice = str(advice) if advice is not None and advice.worth_it else ""
        return report

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch; each iteration advances it by one."""
        self._clock.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Where training stands: (seed, epoch, k) of the first sample that was not delivered yet.

        Batches read ahead do not count. All ranks save the same; numbers and strings only.
        """
        return saved_state(self._clock, self._running.schedule, len(self.dataset))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration go on where a state was saved; iteration in progress is closed.

        What comes is what would have come, bit for bit, with any number of workers, ranks and samples
        in a batch. A sampler that is not of this package is iterated up to there, and must yield what it
        did, in the same batches. What plugins or transforms remember by themselves is not in the state.

        Raises
        ------
        ConfigurationError
            When the state is that of other data or another sampler.
        """
        self._running.close()
        load_state(state, self._clock, self._running.schedule, len(self.dataset))

    def explain(self, epoch: int, k: int) -> Explanation:
        """Which crop, centre, motion and labels made sample ``k`` of an epoch; nothing is read.

        ``k`` counts the samples of all ranks; of one process it is batch number times batch size plus row.
        The order is the sampler's as it is now: of a subset that was chosen anew, the new one.

        Raises
        ------
        ConfigurationError
            When there is no such sample, or the sampler is not of this package.
        """
        return explanation(self._running.schedule, self.dataset, self._clock.seed, epoch, k)

    def replay(self, epoch: int, k: int) -> Any:
        """Sample ``k`` of an epoch once more, as a dataset gives it, without the axis of batches.

        Bit for bit what was delivered, with ``post_sample`` of the plugins that are on; also where a plugin
        failed and another sample came in its place. ``load_samples`` and ``post_collate`` are not called.

        Raises
        ------
        ConfigurationError
            As :meth:`explain`.
        """
        ticket, row = batch_of(self._running.schedule, self._clock.seed, epoch, k)
        return self._running.again(ticket, row)

    @property
    def batch_sampler(self) -> Any:
        """The batch sampler of ``loader``, for frameworks that ask whatever they iterate for one."""
        return self.loader.batch_sampler

    @property
    def device_manager(self) -> DeviceManager:
        """What knows the device; can be replaced."""
        return self._device_manager

    @device_manager.setter
    def device_manager(self, manager: DeviceManager) -> None:
        self._place(manager)

    def _place(self, manager: DeviceManager) -> None:
        self._device_manager = manager
        if self._engine is not None:
            self._engine.device_manager = manager

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.device_manager.device

    @device.setter
    def device(self, device: str | torch.device) -> None:
        self.to(device)

    def to(self, device: str | torch.device, non_blocking: bool = True) -> Self:  # noqa: ARG002
        """Say where the model is; returns the loader. ``non_blocking`` is taken for callers that pass it."""
        self.device_manager.device = device
        return self

    @staticmethod
    def collate_fn(samples: Sequence[Any]) -> Any:
        """A batch of samples, in fresh memory."""
        return collate(samples)

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "refresh() made it"
        return self._engine

    def _make_hooks(self) -> HookRelay:
        return NoPlugins()

    def _window(self) -> int:
        """How many samples ahead plugins are told what will be read."""
        return 0

    def _batch_spec(self, shared: bool) -> BatchSpec:
        return BatchSpec(shared, pinned=self._options.pin_memory and torch.cuda.is_available())

    def _source(self, reader: BatchReader) -> Source:
        spec = self._batch_spec(shared=True)
        return WorkerSource(reader, spec, self._clock, self._options.for_workers(self.num_workers))

    def _schedule(self) -> Schedule:
        options = self._options
        wishes = Wishes(
            self.sampler,
            options.batch_sampler,
            self.weighted_sampler,
            options.shuffle,
            self.batch_size,
            options.drop_last,
            self.iterations_per_epoch,
            self._ranks,
            self.rng,
            self._window_wish(),
        )
        return wishes.schedule(self.dataset, self.is_train)

    def _window_wish(self) -> WindowWish | None:
        if self.patches_per_window is None:
            return None
        return WindowWish(self.patches_per_window, self.window, self.windows_at_once, self.num_workers)


def _seed_of(dataset: Any, rng: torch.Generator | None) -> int | None:
    """The seed of a generator, else that of a dataset or of the one inside torch's own wrappers."""
    if rng is not None:
        if not isinstance(rng, torch.Generator):
            rule, hint = "rng gives a loader its seed", "torch.Generator().manual_seed(0) has the seed 0"
            raise ConfigurationError(message(rule, expected="a torch.Generator", got=named(rng), hint=hint))
        return rng.initial_seed()
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    seed: int | None = getattr(dataset, "seed", None)
    return seed


def _check_positions(dataset: Any) -> None:
    """ConfigurationError for what has no positions to read."""
    sized = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    listed = isinstance(dataset, list | tuple) and any(hasattr(part, "read_batch") for part in dataset)
    if not sized or listed or isinstance(dataset, IterableDataset | str):
        kind = "the IterableDataset " if isinstance(dataset, IterableDataset) else ""
        hint = "join them: CellMapMultiDataset(datasets)" if listed else ""
        if hasattr(dataset, "train_datasets_combined"):
            hint = "take a dataset of it: train_datasets_combined, or validation_blocks"
        raise ConfigurationError(
            message(
                "a loader needs to know the positions of its dataset",
                expected="a dataset with __getitem__ and __len__",
                got=f"{kind}{type(dataset).__name__}" + (" of datasets" if listed else ""),
                hint=hint,
            )
        )
