"""The keywords of torch's DataLoader, as far as they mean something here."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from multiprocessing.context import BaseContext
from typing import Any

import torch

from cellmap_data.config import as_count, raise_faults
from cellmap_data.errors import ConfigurationError

_FOR_WORKERS = (
    "persistent_workers",
    "prefetch_factor",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
)
_RULE = "a loader cannot use these arguments"


@dataclass(frozen=True, slots=True)
class TorchOptions:
    """Options a user may pass through to torch; names and defaults are torch's."""

    pin_memory: bool = False
    drop_last: bool = False
    persistent_workers: bool = False
    prefetch_factor: int | None = None
    timeout: float = 0
    worker_init_fn: Callable[[int], None] | None = None
    multiprocessing_context: str | BaseContext | None = None
    collate_fn: Callable[[list[Any]], Any] | None = None
    batch_sampler: Iterable[list[int]] | None = None
    shuffle: bool | None = None
    generator: torch.Generator | None = None
    in_order: bool = True
    pin_memory_device: str = ""

    @classmethod
    def checked(
        cls,
        given: dict[str, Any],
        num_workers: int,
        batch_size: int | None,
        iterations_per_epoch: int | None,
        others: Iterable[str],
    ) -> TorchOptions:
        """The options of ``given``, all faults reported at once; ``others`` are names the loader knows too.

        Raises
        ------
        ConfigurationError
            For a keyword that is not known, one that needs workers where there are none, numbers that
            count nothing, and what is not of the type that an option has.
        """
        known = [field.name for field in fields(cls)]
        faults = [
            f"{name!r} is not known{_nearest(name, [*known, *others])}" for name in given if name not in known
        ]
        faults += [*_wrong_counts(num_workers, batch_size, iterations_per_epoch), *_wrong_types(given)]
        if batch_size is None and given.get("batch_sampler") is None:
            faults.append("batch_size is None, but samples are always given in batches")
        if num_workers == 0:
            needing = ("persistent_workers", "prefetch_factor", "multiprocessing_context")
            faults += [f"{name!r} needs num_workers > 0" for name in needing if given.get(name)]
        hint = "of torch's there are " + ", ".join(known) if set(given) - set(known) else ""
        raise_faults(ConfigurationError, _RULE, faults, hint=hint)
        return cls(**given)

    def for_workers(self, num_workers: int) -> dict[str, Any]:
        """Arguments of the DataLoader that starts the workers."""
        return {"num_workers": num_workers} | {name: getattr(self, name) for name in _FOR_WORKERS}


def check_counts(num_workers: Any, batch_size: Any, iterations_per_epoch: Any) -> None:
    """ConfigurationError, listing all of them, if some numbers of a loader count nothing."""
    raise_faults(ConfigurationError, _RULE, _wrong_counts(num_workers, batch_size, iterations_per_epoch))


def _wrong_counts(num_workers: Any, batch_size: Any, iterations_per_epoch: Any) -> list[str]:
    counts = {"batch_size": batch_size, "iterations_per_epoch": iterations_per_epoch}
    faults = [_no_count("num_workers", num_workers, 0)] if as_count(num_workers) is None else []
    return faults + [
        _no_count(name, count, 1)
        for name, count in counts.items()
        if count is not None and not as_count(count, 1)
    ]


def _wrong_types(given: Mapping[str, Any]) -> list[str]:
    """What torch would say of its options when iteration begins, or never."""
    faults = []
    factor, timeout = given.get("prefetch_factor"), given.get("timeout", 0)
    if factor is not None and not as_count(factor, 1):
        faults.append(_no_count("prefetch_factor", factor, 1))
    if not (isinstance(timeout, int | float) and 0 <= timeout < math.inf):
        faults.append(f"timeout is {timeout!r}, expected seconds from 0 on; 0 waits for ever")
    for name in ("collate_fn", "worker_init_fn"):
        if given.get(name) is not None and not callable(given[name]):
            faults.append(f"{name} is {given[name]!r}, expected a function")
    if given.get("batch_sampler") is not None and not isinstance(given["batch_sampler"], Iterable):
        faults.append(f"batch_sampler is {given['batch_sampler']!r}, expected lists of indices")
    return faults


def _no_count(name: str, value: Any, least: int) -> str:
    return f"{name} is {value!r}, expected a whole number from {least} on"


def _nearest(name: str, known: list[str]) -> str:
    match = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {match[0]!r}?)" if match else ""
