"""Predict all of an output: have the work done, tell how far it is, look after the model."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from cellmap_data.config import as_count, counted
from cellmap_data.dataset import JoinedIndices
from cellmap_data.dataset_writer.division import PredictOptions, divide, turns_of
from cellmap_data.dataset_writer.executors import Executor, Foreman
from cellmap_data.dataset_writer.job import Job, run_regions
from cellmap_data.dataset_writer.weights import check_blend
from cellmap_data.device import DeviceManager
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.progress import Bar
from cellmap_data.spatial import Shape

if TYPE_CHECKING:
    from cellmap_data.dataset_writer.writer import CellMapDatasetWriter

_BETWEEN_LOOKS = 2.0
"""Seconds after which the ledger is read again to see what others have done."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a call of ``predict`` did.

    Attributes
    ----------
    regions : int
        All regions of the output.
    predicted : int
        Those that this call predicted; the others had been done or are the share of others.
    region : tuple of int
        Voxels of a region.
    repeated : float
        How often a tile is predicted on average: more than once where it reaches into several regions.
    """

    regions: int
    predicted: int
    region: Shape
    repeated: float

    def __str__(self) -> str:
        z, y, x = self.region
        return (
            f"{self.predicted} of {self.regions} regions of {z} x {y} x {x} voxels, "
            f"each tile predicted {self.repeated:.3g} times"
        )


def predict(writer: CellMapDatasetWriter, model: Any, options: PredictOptions) -> Prediction:
    """See :meth:`CellMapDatasetWriter.predict`."""
    _check(model, options)
    turns = turns_of(options.planes)
    work = divide(writer, turns, options)
    device = options.device or writer.device or _device_of(model)
    job = Job(
        writer,
        model,
        work,
        turns,
        check_blend(options.blend),
        options.batch_size,
        None if device is None else str(device),
        options.loader,
    )
    total = work.regions.size
    job.ledger.refresh()
    mine, of = _checked(options.share)
    regions = JoinedIndices.of(number for number in job.ledger.remaining(total) if number % of == mine)
    result = Prediction(total, len(regions), work.regions[0].shape, work.repeated)
    with _evaluating(model), _Progress(job, result, shown=options.progress) as progress:
        if options.executor is None:
            for _ in job.run(regions):
                progress.advance(1)
        else:
            _hand_out(job, regions, options.executor, options, progress)
    return result


def _hand_out(
    job: Job, regions: JoinedIndices, executor: Executor, options: PredictOptions, progress: _Progress
) -> None:
    """Have regions predicted elsewhere, until the ledger says that all are done."""
    foreman = Foreman(
        lambda region: executor.submit(run_regions, job, region),
        options.at_once or 2 * (os.cpu_count() or 1),
        options.retries,
        progress.look,
    )
    waiting: Sequence[int] = regions
    while waiting:
        foreman.run(waiting)
        job.ledger.refresh()
        waiting = [region for region in waiting if region not in job.ledger]
        for region in waiting:
            foreman.failed(region, RuntimeError("who had it said that it was done, the ledger does not"))
        foreman.check()


class _Progress:
    """How many regions are done; of those that others predict, what the ledger says."""

    def __init__(self, job: Job, plan: Prediction, *, shown: bool) -> None:
        self._ledger, self._known, self._looked = job.ledger, len(job.ledger), monotonic()
        self._bar = Bar(f"predicting {plan}", plan.predicted) if shown else None

    def __enter__(self) -> _Progress:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)

    def advance(self, regions: int) -> None:
        """Show that so many more are done."""
        if self._bar is not None:
            self._bar.advance(regions)

    def look(self) -> None:
        """Show what is done by now, if it is time to look again."""
        if self._bar is None or monotonic() < self._looked + _BETWEEN_LOOKS:
            return
        self._ledger.refresh()
        known, self._known, self._looked = self._known, len(self._ledger), monotonic()
        self.advance(self._known - known)


def _check(model: Any, options: PredictOptions) -> None:
    """ConfigurationError for what cannot predict, and for numbers that count nothing."""
    if not callable(model) or isinstance(model, type):
        raise ConfigurationError(
            message("A model is called with a batch.", expected="a torch module, a function", got=repr(model))
        )
    if options.executor is not None and not hasattr(options.executor, "submit"):
        raise ConfigurationError(
            message(
                "An executor hands out calls.",
                expected="an object with submit(work, *arguments), as of concurrent.futures",
                got=repr(options.executor),
            )
        )
    DeviceManager(options.device)  # refuses what is none
    counted("window_bytes", options.window_bytes, 1, hint="count bytes: 1 << 30 is a GiB")
    at_once = 1 if options.at_once is None else options.at_once
    counts = [(options.batch_size, 1), (at_once, 1), (options.retries, 0)]
    if not all(isinstance(count, Integral) and count >= least for count, least in counts):
        raise ConfigurationError(
            message(
                "Tiles, regions and retries are counted.",
                expected="batch_size >= 1, at_once >= 1, retries >= 0",
                got=f"batch_size={options.batch_size}, at_once={options.at_once}, retries={options.retries}",
            )
        )


def _checked(share: tuple[int, int]) -> tuple[int, int]:
    """A share of the work; ConfigurationError if it is none."""
    numbers = [as_count(number) for number in share] if isinstance(share, Iterable) else []
    if len(numbers) != 2 or None in numbers or not share[0] < share[1]:
        raise ConfigurationError(message("A share is one of n.", expected="(i, n), 0 <= i < n", got=share))
    return share


def _device_of(model: Any) -> torch.device | None:
    """Where the parameters of a model are."""
    parameter = next(model.parameters(), None) if isinstance(model, torch.nn.Module) else None
    return None if parameter is None else parameter.device


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Leave each part of a model in the mode in which it was."""
    parts = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    modes = [part.training for part in parts]
    try:
        if parts:
            model.eval()
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
