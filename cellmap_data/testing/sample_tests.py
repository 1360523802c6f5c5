"""What every plugin that changes samples or batches must keep."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from cellmap_data.testing.comparing import difference
from cellmap_data.testing.outcomes import fail
from cellmap_data.testing.subject import Subject, registered

__all__ = ["SampleTests"]

_THREADS, _TURNS = 4, 32
"""Threads, and samples for each: enough for those that share something to meet."""


class SampleTests(Subject):
    """Checks of the chain hooks, ``post_sample`` and ``post_collate``."""

    def test_post_sample_keeps_the_keys(self) -> None:
        """A sample goes on as a mapping with the keys it came with, and says the same index."""
        with registered(self, "post_sample") as bench:
            for is_train in (True, False):
                sample = self.make_sample(3)
                given, index = set(sample), copy.deepcopy(sample.get("idx"))
                result = bench.post_sample(sample, 3, is_train=is_train)
                _check_keys("post_sample", result, given.difference(self.may_drop))
                if "idx" not in self.may_drop and difference(index, result.get("idx")):
                    fail(
                        "post_sample changes the index of a sample",
                        expected=f"idx = {index}",
                        got=f"idx = {result['idx']}",
                        hint="leave 'idx' alone: it says where a sample was read",
                    )

    def test_post_sample_depends_on_its_generator_alone(self) -> None:
        """Equal samples with equal generators become equal samples."""
        with registered(self, "post_sample") as bench:
            results = [bench.post_sample(self.make_sample(3), 3, seed=7) for _ in range(2)]
            if differing := difference(*results):
                fail(
                    "post_sample makes two things of one sample",
                    expected="equal samples for equal samples and generators",
                    got=differing,
                    hint="draw every random number from the argument rng, and keep nothing between samples",
                )

    def test_post_sample_draws_nothing_in_validation(self) -> None:
        """With ``is_train=False`` the outcome does not depend on the generator."""
        with registered(self, "post_sample") as bench:
            samples = [bench.post_sample(self.make_sample(3), 3, seed, is_train=False) for seed in (1, 2)]
            if differing := difference(*samples):
                fail(
                    "post_sample changes validation samples at random",
                    expected="the same sample whatever rng draws, when is_train is false",
                    got=differing,
                    hint="take the argument is_train, and draw only if it is true",
                )

    def test_post_sample_leaves_global_generators_alone(self) -> None:
        """The generators of numpy.random, torch and random are as they were."""
        with registered(self, "post_sample") as bench:
            before = _global_generators()
            for is_train in (True, False):
                bench.post_sample(self.make_sample(3), 3, is_train=is_train)
            moved = [name for name, state in _global_generators().items() if difference(before[name], state)]
            if moved:
                fail(
                    "post_sample draws from, or seeds, a generator that the whole process shares",
                    expected="numbers from the argument rng",
                    got=f"the state of {' and '.join(moved)} has changed",
                    hint="write rng.normal(); for torch make a torch.Generator and seed it with rng",
                )

    def test_post_sample_lets_go_of_samples(self) -> None:
        """A sample that was handed over stays as it is while others follow."""
        with registered(self, "post_sample") as bench:
            first = bench.post_sample(self.make_sample(3), 3)
            kept = copy.deepcopy(first)
            bench.post_sample(self.make_sample(4), 4, seed=1)
            if differing := difference(kept, first):
                fail(
                    "post_sample changes a sample that it has handed over",
                    expected="memory of its own for each sample",
                    got=differing,
                    hint="change the sample in place, or make a new tensor for each",
                )

    def test_post_sample_runs_in_threads(self) -> None:
        """Samples that pass through at the same time become what they become one by one."""
        with registered(self, "post_sample") as bench:
            indices = range(_TURNS * _THREADS)
            alone = [bench.post_sample(self.make_sample(i), i, i) for i in indices]
            samples = [self.make_sample(i) for i in indices]
            together = _at_the_same_time(bench.post_sample, samples, indices, indices)
            if differing := difference(alone, together):
                fail(
                    "post_sample mixes up samples that pass through at the same time",
                    expected=f"the same samples from {_THREADS} threads as from one",
                    got=f"[index]{differing}",
                    hint="keep nothing about a sample in the plugin; use local variables",
                )

    def test_post_collate_keeps_the_batch(self) -> None:
        """A batch goes on as a mapping with its keys, and as many samples as before."""
        with registered(self, "post_collate") as bench:
            collate = partial(bench.relay.post_collate, device=torch.device("cpu"))
            for is_train in (True, False):
                batch = default_collate([self.make_sample(i) for i in range(3)])
                given = _counts(batch, set(batch).difference(self.may_drop))
                result = collate(batch, is_train=is_train)
                _check_keys("post_collate", result, set(given))
                counts = _counts(result, given)
                if counts != given:
                    fail(
                        "post_collate changes how many samples a batch has",
                        expected=_in_words(given),
                        got=_in_words(counts),
                        hint="keep the first axis; samples are chosen by samplers",
                    )


def _check_keys(hook: str, result: Any, expected: set[Any]) -> None:
    if not isinstance(result, Mapping):
        fail(
            f"{hook} returns something else than it was given",
            expected="a mapping from names to values",
            got=type(result).__name__,
            hint=f"return the {hook.removeprefix('post_')} itself, or another mapping",
        )
    if missing := expected.difference(result):
        fail(
            f"{hook} loses {', '.join(sorted(map(repr, missing)))}",
            expected="the keys that were there, and others at will",
            got=", ".join(map(repr, result)) or "none",
            hint="keep the other keys, or name in may_drop what is taken out on purpose",
        )


def _counts(batch: Mapping[Any, Any], keys: Iterable[Any]) -> dict[Any, int]:
    """How many samples there are under each key that has something for each sample."""
    return {key: len(batch[key]) for key in keys if isinstance(batch[key], torch.Tensor | list)}


def _in_words(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{key}: {count}" for key, count in counts.items())


def _at_the_same_time(function: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    """Call a function with each set of arguments, as ``map`` does, in threads that begin together.

    The threads take turns very often, so that they meet in the middle of a function if they can.
    """
    start = Barrier(_THREADS)
    given = list(zip(*arguments, strict=True))

    def work(first: int) -> list[Any]:
        start.wait()
        return [function(*one) for one in given[first::_THREADS]]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(_THREADS) as threads:
            parts = list(threads.map(work, range(_THREADS)))
    finally:
        sys.setswitchinterval(interval)
    return [parts[i % _THREADS][i // _THREADS] for i in range(len(given))]


def _global_generators() -> dict[str, Any]:
    return {
        "numpy.random": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "random": random.getstate(),
    }
