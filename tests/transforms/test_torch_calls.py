"""Giving torch's random functions a generator of one's own."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable
from types import FunctionType

import pytest
import torch
from torch.nn import functional
from torch.overrides import get_overridable_functions

from cellmap_data.transforms.seeding.torch_calls import (
    DRAW_INSIDE,
    LIKE,
    TAKE_GENERATOR,
    DrawsInsideTorchError,
    TorchCalls,
)

PROBABILITIES = torch.full((50,), 0.4)
POSITIVE = torch.full((50,), 2.5)

DRAWS: dict[str, Callable[[], torch.Tensor]] = {
    "rand": lambda: torch.rand(3, 20),
    "rand-float64": lambda: torch.rand(20, dtype=torch.float64),
    "randn": lambda: torch.randn(3, 20),
    "randint": lambda: torch.randint(1000, (20,)),
    "randint-low": lambda: torch.randint(-50, 1000, (20,)),
    "randperm": lambda: torch.randperm(100),
    "rand_like": lambda: torch.rand_like(POSITIVE),
    "rand_like-strided": lambda: torch.rand_like(torch.ones(4, 6, 8).permute(2, 0, 1)),
    "randn_like": lambda: torch.randn_like(POSITIVE, dtype=torch.float64),
    "randint_like": lambda: torch.randint_like(POSITIVE, 1000),
    "randint_like-low": lambda: torch.randint_like(POSITIVE, -5, 1000),
    "randint_like-keyword": lambda: torch.randint_like(POSITIVE, low=3, high=1000),
    "bernoulli": lambda: torch.bernoulli(PROBABILITIES),
    "bernoulli-method": lambda: PROBABILITIES.bernoulli(),
    "bernoulli_": lambda: torch.empty(50).bernoulli_(0.3),
    "binomial": lambda: torch.binomial(POSITIVE.round() * 10, PROBABILITIES),
    "normal": lambda: torch.normal(POSITIVE, PROBABILITIES),
    "normal-size": lambda: torch.normal(0.0, 1.0, (50,)),
    "multinomial": lambda: torch.multinomial(PROBABILITIES, 20),
    "multinomial-method": lambda: PROBABILITIES.multinomial(20, replacement=True),
    "poisson": lambda: torch.poisson(POSITIVE),
    "rrelu": lambda: torch.rrelu(-POSITIVE, 0.1, 0.9, training=True),
    "uniform_": lambda: torch.empty(50).uniform_(2, 3),
    "normal_": lambda: torch.empty(50).normal_(),
    "random_": lambda: torch.empty(50).random_(100),
    "exponential_": lambda: torch.empty(50).exponential_(),
    "geometric_": lambda: torch.empty(50).geometric_(0.3),
    "log_normal_": lambda: torch.empty(50).log_normal_(),
    "cauchy_": lambda: torch.empty(50).cauchy_(),
    "gamma": lambda: torch.distributions.Gamma(POSITIVE, POSITIVE).sample(),
    "beta": lambda: torch.distributions.Beta(POSITIVE, POSITIVE).sample(),
    "dirichlet": lambda: torch.distributions.Dirichlet(POSITIVE).sample(),
    "init-uniform": lambda: torch.nn.init.uniform_(torch.empty(50)),
    "init-normal": lambda: torch.nn.init.normal_(torch.empty(50)),
    "init-kaiming": lambda: torch.nn.init.kaiming_uniform_(torch.empty(5, 10)),
    "init-truncated": lambda: torch.nn.init.trunc_normal_(torch.empty(50)),
    "lowrank": lambda: torch.svd_lowrank(torch.arange(64.0).reshape(8, 8).sin())[0],
    "module": lambda: torch.nn.Linear(5, 5).weight.detach(),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_draws_are_those_of_the_global_generator_with_that_seed(draw: Callable[[], torch.Tensor]) -> None:
    """Values equal those after ``torch.manual_seed``, several calls long, and the global generator rests."""
    torch.manual_seed(11)
    expected = [draw(), torch.rand(1), draw()]
    torch.manual_seed(99)
    state = torch.get_rng_state()
    calls = TorchCalls()
    for _ in range(2):
        calls.seed(11)
        with calls:
            results = [draw(), torch.rand(1), draw()]
        assert all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_generator_that_is_passed_on_purpose_is_respected() -> None:
    """Only calls that would fall back to the global generator are changed."""
    mine = torch.Generator().manual_seed(1)
    expected = [torch.rand(3, generator=mine), torch.poisson(POSITIVE, mine), torch.rand(3, generator=mine)]
    mine.manual_seed(1)
    with TorchCalls():
        results = [
            torch.rand(3, generator=mine),
            torch.poisson(POSITIVE, mine),
            torch.rand(3, generator=mine),
        ]
    assert all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: functional.dropout(POSITIVE),
        lambda: torch.nn.Dropout3d()(torch.ones(1, 4, 2, 2, 2)),
        lambda: torch.dropout(POSITIVE, 0.5, True),
        lambda: functional.gumbel_softmax(POSITIVE, dim=0),
        lambda: functional.fractional_max_pool2d(torch.ones(1, 1, 8, 8), 2, output_size=4),
        lambda: functional.rrelu(-POSITIVE, training=True),
    ],
    ids=["dropout", "module", "native", "gumbel", "pool", "rrelu"],
)
def test_draws_out_of_reach_are_an_error(draw: Callable[[], torch.Tensor]) -> None:
    """Better no sample than one that cannot be made again."""
    with TorchCalls(), pytest.raises(DrawsInsideTorchError, match="global generator"):
        draw()


def test_functions_that_may_draw_are_fine_when_they_do_not() -> None:
    """A network in evaluation mode may be part of a transform."""
    with TorchCalls():
        assert torch.equal(functional.dropout(POSITIVE, training=False), POSITIVE)
        torch.nn.TransformerEncoderLayer(4, 2, dropout=0.3, batch_first=True).eval()(torch.ones(1, 3, 4))


def test_meta_tensors_need_no_generator() -> None:
    """They have no values."""
    with TorchCalls():
        assert torch.rand(3, device="meta").is_meta
        assert torch.rand_like(torch.empty(3, device="meta")).is_meta


def test_threads_do_not_disturb_each_other() -> None:
    """Each thread gets the numbers of its own seed while all of them, and the main thread, draw."""
    wrong: list[int] = []

    def draw(number: int) -> None:
        calls = TorchCalls()
        for seed in range(number, 400, 4):
            expected = torch.rand(8, generator=torch.Generator().manual_seed(seed))
            calls.seed(seed)
            with calls:
                if not torch.equal(torch.rand(8), expected):
                    wrong.append(seed)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        torch.rand(8)
    assert not wrong


def test_every_random_function_of_torch_is_known() -> None:
    """What the installed torch declares to take a generator, or to draw without, is in one of the lists."""
    known = {function.__name__ for function in [*TAKE_GENERATOR, *LIKE, *DRAW_INSIDE]}
    unknown = set()
    for schema in torch._C._jit_get_all_schemas():
        name = schema.name.removeprefix("aten::")
        operator = getattr(torch.ops.aten, name, None) if "::" not in name else None
        if operator is None or not any(
            callable(getattr(owner, name, None)) for owner in (torch, torch.Tensor, functional)
        ):
            continue
        overload = getattr(operator, schema.overload_name or "default")
        draws = torch.Tag.nondeterministic_seeded in overload.tags
        if draws or any(argument.name == "generator" for argument in schema.arguments):
            unknown |= {name} - known
    # What is left is called by torch's own code only, or runs on the GPU only.
    internal = re.compile(
        r"_cudnn|_fused|_flash|_efficient|_scaled_dot|miopen|_lstm_mps|_nested_tensor|_fill_mem"
    )
    assert {name for name in unknown if not internal.search(name)} == set()


def test_every_python_function_of_torch_that_draws_is_known() -> None:
    """A mode does not see what such a function calls, so all of them must be watched."""
    drawing = re.compile(r"\b(rand\w*|normal_|uniform_|\w*dropout\w*|bernoulli_?|exponential_|multinomial)\(")
    known = {function.__name__ for function in [*TAKE_GENERATOR, *LIKE, *DRAW_INSIDE]}
    unknown = set()
    for functions in get_overridable_functions().values():
        for function in functions:
            if isinstance(function, FunctionType):
                body = inspect.getsource(function.__code__).split('"""')[-1]
                unknown |= {function.__name__} - known if drawing.search(body) else set()
    assert unknown == set()
