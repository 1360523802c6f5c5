"""Callables that draw random numbers, in threads and in workers."""

from __future__ import annotations

import functools
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from cellmap_data.errors import ConfigurationError
from cellmap_data.transforms import GaussianNoise, RandomContrast, Seeded, takes_rng
from tests.transforms.randomizable import Compose, RandNoised, RandShift

X = torch.linspace(0, 1, 60).reshape(3, 4, 5)


def torch_noise(x: torch.Tensor) -> torch.Tensor:
    return x + torch.randn(x.shape) * torch.rand(1) if torch.rand(1) < 0.7 else x + torch.rand_like(x)


def with_rng(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return x + rng.random()


def numpy_noise(x: torch.Tensor) -> torch.Tensor:
    return x + np.random.rand()


def sometimes_numpy_noise(x: torch.Tensor) -> torch.Tensor:
    return x + np.random.rand() if torch.rand(1) < 0.5 else x


def python_noise(x: torch.Tensor) -> torch.Tensor:
    return x + random.random()


def dropout(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.dropout(x)


def direct_operator(x: torch.Tensor) -> torch.Tensor:
    return x + torch.ops.aten.rand([1])


class Private:
    """Keeps generators of every kind, one of them two levels down."""

    def __init__(self) -> None:
        self.first = np.random.default_rng(1)
        self.parts = {"a": [functools.partial(self.shifted, old=np.random.RandomState(2))]}
        self.python = random.Random(3)
        self.torch = torch.Generator().manual_seed(4)

    @staticmethod
    def shifted(x: torch.Tensor, old: np.random.RandomState) -> torch.Tensor:
        return x + old.randn()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = self.parts["a"][0](x) * self.first.normal() + self.python.gauss(0, 1)
        return x + torch.rand(1, generator=self.torch)

    def method(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)


COVERED = {
    "ours": GaussianNoise(),
    "sequence": torch.nn.Sequential(RandomContrast(), GaussianNoise()),
    "rng": with_rng,
    "torch": torch_noise,
    "private": Private(),
    "method": Private().method,
    "partial": functools.partial(with_rng),
    "randomizable": RandShift(),
    "composed": Compose([RandShift(), torch_noise, RandShift(prob=0.5)]),
    "nothing": torch.square,
}
SHARED = {"numpy": numpy_noise, "python": python_noise, "dropout": dropout, "operator": direct_operator}

covered = pytest.mark.parametrize("transform", COVERED.values(), ids=COVERED.keys())
shared = pytest.mark.parametrize("transform", SHARED.values(), ids=SHARED.keys())


def run(seeded: Seeded, k: int, alone: bool | None = None) -> torch.Tensor:
    return seeded(X.clone(), np.random.Generator(np.random.Philox(k)), alone)


class Samples(Dataset[torch.Tensor]):
    """Sample k is what a transform makes of X with the generator k."""

    def __init__(self, transform: Any) -> None:
        self.seeded = Seeded(transform)

    def __len__(self) -> int:
        return 24

    def __getitem__(self, k: int) -> torch.Tensor:
        return run(self.seeded, k)


def in_workers(transform: Any, workers: int) -> list[torch.Tensor]:
    loader = DataLoader(Samples(transform), batch_size=1, num_workers=workers, multiprocessing_context="fork")
    return [batch[0] for batch in loader]


def all_equal(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


@covered
def test_samples_are_the_same_in_threads_and_worker_processes(transform: Any) -> None:
    """One thread, four threads in disorder and two workers agree bit by bit."""
    one = [run(Seeded(transform), k) for k in range(24)]
    seeded = Seeded(transform)
    order = list(np.random.default_rng(0).permutation(24))
    with ThreadPoolExecutor(4) as pool:
        four = dict(zip(order, pool.map(functools.partial(run, seeded), order), strict=True))
    assert all_equal([four[k] for k in range(24)], one)
    assert all_equal(in_workers(transform, 2), one)
    if transform is not torch.square:
        assert len({float(x.sum()) for x in one}) == 24


@shared
def test_what_threads_would_share_is_refused_there_and_seeded_in_workers(transform: Any) -> None:
    """The error names the transform and the way out; with any number of workers the samples are the same."""
    with pytest.raises(
        ConfigurationError, match=f"(?s){transform.__name__} cannot run in threads.*num_workers"
    ):
        run(Seeded(transform), 0)
    one = in_workers(transform, 1)
    assert all_equal(in_workers(transform, 2), one)
    assert len({float(x.sum()) for x in one}) == 24


def test_what_is_refused_once_is_refused_again() -> None:
    """Catching the error does not let the next sample through."""
    seeded = Seeded(numpy_noise)
    for k in range(4):
        with pytest.raises(ConfigurationError, match="numpy's global generator"):
            run(seeded, k)


def test_draws_that_come_late_are_noticed() -> None:
    """A transform that draws from a shared generator only now and then is refused for good soon after."""
    seeded = Seeded(sometimes_numpy_noise)

    def refused(k: int) -> bool:
        try:
            run(seeded, k)
        except ConfigurationError:
            return True
        return False

    quiet = [k for k in range(40) if np.isclose(run(Seeded(lambda x: torch.rand(1)), k), 0.75, atol=0.25)]
    loud = [k for k in range(40) if k not in quiet]
    assert not refused(quiet[0])
    assert not refused(loud[0])
    assert refused(loud[1])
    assert refused(quiet[1])


def test_a_consumer_that_draws_at_the_same_time_is_not_blamed_on_a_transform() -> None:
    """Training loops may use every shared generator while threads read."""
    stop = threading.Event()

    def consume() -> None:
        while not stop.wait(0.0005):
            np.random.rand()
            random.random()
            torch.rand(3)

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        expected = [run(Seeded(torch_noise), k) for k in range(4)]
        seeded = Seeded(torch_noise)
        for _ in range(50):
            assert all_equal([run(seeded, k) for k in range(4)], expected)
    finally:
        stop.set()
        consumer.join()


def test_an_observed_transform_still_changes_its_value_once() -> None:
    """Repetitions to find out who draws leave the sample alone."""
    calls = []

    def in_place(sample: dict[str, Any]) -> dict[str, Any]:
        calls.append(1)
        sample["x"].add_(1)
        sample["array"] += 1
        if len(calls) < 3:
            np.random.rand()
        return sample

    value = {"x": torch.zeros(2), "array": np.zeros(2), "other": object()}
    result = Seeded(in_place)(value, np.random.default_rng(0))
    assert result["x"].tolist() == result["array"].tolist() == [1, 1]
    assert result["other"] is value["other"]
    assert len(calls) >= 3


def test_parts_of_a_dictionary_transform_stay_in_step() -> None:
    """A transform that hands its random state on decides for its parts, as in MONAI."""
    seeded = Seeded(RandNoised(["a", "b"]))
    for k in range(10):
        sample = seeded({"a": X.clone(), "b": X.clone()}, np.random.default_rng(k))
        assert torch.equal(sample["a"], sample["b"])


def test_the_original_is_left_as_it_was() -> None:
    """Generators that a transform keeps are not moved by samples: copies are."""
    transform = Private()
    state = transform.first.bit_generator.state
    run(Seeded(transform), 0)
    assert transform.first.bit_generator.state == state


def test_changes_reach_the_copies_when_they_are_forgotten() -> None:
    """A schedule may set an attribute between epochs."""
    transform = RandShift()
    seeded = Seeded(transform)
    assert not torch.equal(run(seeded, 1), X)
    transform.prob = 0.0
    seeded.forget_copies()
    assert torch.equal(run(seeded, 1), X)


def test_a_seeded_transform_can_be_pickled_after_use() -> None:
    """Workers get the transform, not what threads have made of it."""
    seeded = Seeded(Private())
    first = run(seeded, 1)
    assert torch.equal(run(pickle.loads(pickle.dumps(seeded)), 1), first)


def test_only_an_argument_called_rng_asks_for_the_generator() -> None:
    """Modules are asked by their ``forward``; callables that hide their signature do not ask."""
    assert [takes_rng(f) for f in (GaussianNoise(), with_rng, functools.partial(with_rng))] == [True] * 3
    assert [takes_rng(f) for f in (torch_noise, torch.square, torch.nn.ReLU(), dict.fromkeys)] == [False] * 4


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Seeded("blur"), "callable"),
        (lambda: run(Seeded(lambda x: None), 0), "returned None"),
    ],
    ids=["no-callable", "no-return"],
)
def test_mistakes_are_named(make: Any, problem: str) -> None:
    """The message says what is wrong with which transform."""
    with pytest.raises(ConfigurationError, match=problem):
        make()


SHARED = np.random.default_rng(0)


def from_module(x):
    """Draws from a generator of its module."""
    return x + SHARED.random()


def from_closure():
    """A function that draws from a generator around it."""
    shared = random.Random(0)
    return lambda x: x + shared.random()


@pytest.mark.parametrize(("transform", "name"), [(from_module, "SHARED"), (from_closure(), "shared")])
def test_generators_that_functions_borrow_are_refused(transform, name) -> None:
    """A generator in a closure or a module would repeat itself in every worker: the error says what to do."""
    with pytest.raises(ConfigurationError, match=rf"(?s){name}.*argument rng"):
        Seeded(transform)
