"""A callable that gives the same result for the same sample, in whichever thread or process it runs."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cellmap_data.device.nested import map_leaves
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.transforms.seeding.private import borrowed_generators, copy_with_generators, reseed
from cellmap_data.transforms.seeding.shared import Snapshot, glance, nobody_else_draws, seed_all
from cellmap_data.transforms.seeding.torch_calls import DrawsInsideTorchError, TorchCalls

_REPEATS = 8
# One observation at a time: what moves a shared generator should be what is observed.
_quiet = threading.Lock()

_own_calls = threading.local()


def takes_rng(function: Callable[..., Any]) -> bool:
    """Whether a callable has an argument ``rng``, as our random transforms do."""
    try:
        parameters = inspect.signature(getattr(function, "forward", function)).parameters
    except (TypeError, ValueError):  # some callables written in C say nothing
        return False
    return "rng" in parameters


class Seeded:
    """A transform that draws the random numbers of the sample it is given.

    A callable with an argument ``rng`` gets the sample's generator. Any other may draw from

    - torch functions: in threads they get a generator of this thread, seeded for the sample;
    - generators it keeps for itself, MONAI's included: each thread has a copy, seeded for the sample;
    - the generators of Python, numpy and torch that a process shares. They can be seeded for a sample only
      where nobody else draws, which is in worker processes. In threads, such a transform is refused.

    The results are the same in threads and in workers.

    Parameters
    ----------
    transform
        Any callable of one argument.

    Raises
    ------
    ConfigurationError
        When it is not callable, or is a function that draws from a generator of its closure or its module.
    """

    def __init__(self, transform: Callable[..., Any]) -> None:
        if not callable(transform):
            raise ConfigurationError(message("a transform must be callable", got=repr(transform)))
        self.transform = transform
        self._begin()
        if borrowed := borrowed_generators(transform):
            raise ConfigurationError(
                message(
                    f"transform {self.name} draws from a generator that all threads and samples share",
                    got=", ".join(borrowed),
                    hint="give it an argument rng, which is then the sample's own numpy generator",
                )
            )

    def _begin(self) -> None:
        self._takes_rng = takes_rng(self.transform)
        self._local = threading.local()
        self._observe = self._is_new = True
        self._fault = ""

    def __getstate__(self) -> dict[str, Any]:
        return {"transform": self.transform}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.transform = state["transform"]
        self._begin()

    @property
    def name(self) -> str:
        """What the transform is called in messages."""
        return getattr(self.transform, "__qualname__", None) or type(self.transform).__name__

    def forget_copies(self) -> None:
        """Copy the transform afresh for each thread, because it may have been changed."""
        self._local = threading.local()

    def __call__(self, value: Any, rng: np.random.Generator, alone: bool | None = None) -> Any:
        """Transform one value.

        Parameters
        ----------
        value
            What the transform takes; it may be changed in place.
        rng
            The generator of the sample.
        alone
            Whether no other thread of this process draws random numbers; None for whether this is the main
            thread of a DataLoader's worker process.

        Raises
        ------
        ConfigurationError
            When the transform returns None, or cannot run in threads.
        """
        if self._takes_rng:
            result = self.transform(value, rng=rng)
        else:
            alone = nobody_else_draws() if alone is None else alone
            result = self._seeded(value, int(rng.integers(1 << 63)), alone)
        if result is None:
            raise ConfigurationError(
                message(
                    f"transform {self.name} returned None",
                    expected="what it was given, changed or not",
                    hint="end it with a return",
                )
            )
        return result

    def _seeded(self, value: Any, seed: int, alone: bool) -> Any:
        if alone:
            seed_all(seed)
            return self._own(seed)(value)
        if self._fault:
            raise self._refusal(self._fault)
        try:
            return self._observed(value, seed) if self._observe else self._glanced_at(value, seed)
        except DrawsInsideTorchError as error:
            raise self._refusal(str(error)) from error

    def _own(self, seed: int) -> Callable[..., Any]:
        """Get this thread's copy of the transform, with its generators seeded."""
        local = self._local
        if not hasattr(local, "transform"):
            local.transform, local.generators = copy_with_generators(self.transform)
        for number, generator in enumerate(local.generators, 1):
            reseed(generator, (seed + number) % (1 << 63))
        transform: Callable[..., Any] = local.transform
        return transform

    def _in_thread(self, value: Any, seed: int) -> Any:
        transform = self._own(seed)
        if not hasattr(_own_calls, "mode"):
            _own_calls.mode = TorchCalls()
        _own_calls.mode.seed(seed)
        with _own_calls.mode:
            return transform(value)

    def _glanced_at(self, value: Any, seed: int) -> Any:
        """Run, and look more closely the next time if a shared generator has moved."""
        before = glance()
        result = self._in_thread(value, seed)
        self._observe = glance() != before
        return result

    def _observed(self, value: Any, seed: int) -> Any:
        """Run, and refuse the transform if it moves a shared generator.

        Others may have moved it at the same time. But on the same value, with the same seed, the transform
        does the same: if it was the one, it moves the generator in every repetition. Others who draw all the
        time move it in pauses as well: then nobody is blamed, and the next sample is observed too.
        """
        with _quiet:
            kept, before = _duplicate(value), Snapshot(self._is_new)
            result = self._in_thread(value, seed)
            moved = before.moved()
            for _ in range(_REPEATS):
                if not moved:
                    break
                before, began = Snapshot(self._is_new), time.perf_counter()
                self._in_thread(_duplicate(kept), seed)
                moved = [name for name in before.moved() if name in moved]
                took = time.perf_counter() - began
            blamed = set(moved) - self._moved_in_pauses(took) if moved else set()
        if blamed:
            self._fault = f"it moved {' and '.join(name for name in moved if name in blamed)}"
            raise self._refusal(self._fault)
        if not moved:
            self._observe = self._is_new = False
        return result

    def _moved_in_pauses(self, seconds: float) -> set[str]:
        """The shared generators that move while this thread rests for as long as the transform took."""
        found: set[str] = set()
        for _ in range(_REPEATS):
            before = Snapshot(self._is_new)
            time.sleep(seconds)
            found.update(before.moved())
        return found

    def _refusal(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            message(
                f"transform {self.name} cannot run in threads: they would share its random numbers",
                got=reason,
                hint="read in worker processes (num_workers=1 or more), where it is seeded for each sample; "
                "or give it an argument 'rng' and draw from that numpy Generator",
            )
        )


def _duplicate(value: Any) -> Any:
    """A copy that does not notice when tensors and arrays of ``value`` are changed in place."""
    return map_leaves(_own_memory, value)


def _own_memory(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return leaf.clone()
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
