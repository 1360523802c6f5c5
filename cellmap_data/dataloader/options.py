"""The keywords of torch's DataLoader, as far as they mean something here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from multiprocessing.context import BaseContext
from numbers import Integral
from typing import Any

import torch

from cellmap_data.config import raise_faults
from cellmap_data.errors import ConfigurationError

_FOR_WORKERS = (
    "persistent_workers",
    "prefetch_factor",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
)


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
        others: Iterable[str] = (),
    ) -> TorchOptions:
        """The options of ``given``, all faults reported at once; ``others`` are names the loader knows too.

        Raises
        ------
        ConfigurationError
            For a keyword that is not known, one that needs workers where there are none, and numbers that
            count nothing.
        """
        known = [field.name for field in fields(cls)]
        faults = [
            f"{name!r} is not known{_nearest(name, [*known, *others])}" for name in given if name not in known
        ]
        counts = {"num_workers": num_workers, "batch_size": batch_size}
        counts["iterations_per_epoch"] = iterations_per_epoch
        for name, count in counts.items():
            least = 0 if name == "num_workers" else 1
            if count is not None and not (isinstance(count, Integral) and count >= least):
                faults.append(f"{name} is {count!r}, expected a whole number from {least} on")
        if batch_size is None and given.get("batch_sampler") is None:
            faults.append("batch_size is None, but samples are always given in batches")
        if num_workers == 0:
            needing = ("persistent_workers", "prefetch_factor", "multiprocessing_context")
            faults += [f"{name!r} needs num_workers > 0" for name in needing if given.get(name)]
        hint = "of torch's there are " + ", ".join(known) if set(given) - set(known) else ""
        raise_faults(ConfigurationError, "a loader cannot use these arguments", faults, hint=hint)
        return cls(**given)

    def for_workers(self, num_workers: int) -> dict[str, Any]:
        """Arguments of the DataLoader that starts the workers."""
        return {"num_workers": num_workers} | {name: getattr(self, name) for name in _FOR_WORKERS}


def _nearest(name: str, known: list[str]) -> str:
    match = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {match[0]!r}?)" if match else ""
