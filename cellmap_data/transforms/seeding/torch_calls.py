"""Giving torch's random functions a generator of one's own, in one thread.

Torch has one generator for a whole process. Seeding it in several threads mixes their samples, and a lock
does not help as long as the training loop draws too. But nearly every random function takes a ``generator``,
and a function mode, which belongs to one thread, sees the calls and can add it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional, init
from torch.overrides import TorchFunctionMode

from cellmap_data.errors import CellMapDataError

Function = Callable[..., Any]

_TAKE_GENERATOR = """
    _sample_dirichlet _standard_gamma bernoulli bernoulli_ binomial cauchy_ exponential_ geometric_
    log_normal_ multinomial normal normal_ poisson rand randint randn random_ randperm rrelu rrelu_ uniform_
    kaiming_normal_ kaiming_uniform_
"""
_LIKE = "rand_like randint_like randn_like"
_DRAW_INSIDE = """
    alpha_dropout alpha_dropout_ dropout dropout1d dropout2d dropout3d dropout_ feature_alpha_dropout
    feature_alpha_dropout_ feature_dropout feature_dropout_ fractional_max_pool2d
    fractional_max_pool2d_with_indices fractional_max_pool3d fractional_max_pool3d_with_indices gru
    gumbel_softmax lstm multi_head_attention_forward native_dropout rnn_relu rnn_tanh rrelu
    rrelu_with_noise rrelu_with_noise_ scaled_dot_product_attention
"""


def _found(names: str, owners: Iterable[object]) -> Iterator[Function]:
    """The functions of these names that the installed torch has."""
    for name in names.split():
        for owner in owners:
            if hasattr(owner, name):
                yield getattr(owner, name)


TAKE_GENERATOR = frozenset(_found(_TAKE_GENERATOR, [torch, torch.Tensor, init]))
"""Functions with an optional argument ``generator``."""

LIKE = {function: function.__name__ for function in _found(_LIKE, [torch])}
"""Functions that take a generator in recent versions of torch only."""

DRAW_INSIDE = frozenset(_found(_DRAW_INSIDE, [torch, functional])) - TAKE_GENERATOR
"""Functions that draw, if at all, from the global generator, out of reach of a mode."""


class DrawsInsideTorchError(CellMapDataError):
    """A function of torch has drawn from the global generator and cannot be told to use another."""


class TorchCalls(TorchFunctionMode):
    """While active, random functions called in this thread draw from generators seeded by :meth:`seed`."""

    def __init__(self) -> None:
        super().__init__()
        self._seed = 0
        self._generators: dict[str, torch.Generator] = {}
        self._fresh: set[str] = set()

    def seed(self, seed: int) -> None:
        """Begin the sequence of random numbers that ``seed`` stands for, on every device."""
        self._seed = seed
        self._fresh.clear()

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, with a generator if it is random and was given none."""
        kwargs = kwargs or {}
        if func in TAKE_GENERATOR:
            return func(*args, **self._with_generator(args, kwargs))
        if func in LIKE:
            return self._like(LIKE[func], args, kwargs)
        if func in DRAW_INSIDE:
            return _watched(func, args, kwargs)
        return func(*args, **kwargs)

    def _with_generator(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = kwargs.get("generator")
        if given not in (None, torch.default_generator) or any(isinstance(a, torch.Generator) for a in args):
            return kwargs
        device = _device_of(args, kwargs)
        return kwargs if device.type == "meta" else kwargs | {"generator": self._on(device)}

    def _on(self, device: torch.device) -> torch.Generator:
        name = str(device)
        if name not in self._generators:
            self._generators[name] = torch.Generator(device)
        if name not in self._fresh:
            self._generators[name].manual_seed(self._seed)
            self._fresh.add(name)
        return self._generators[name]

    def _like(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> torch.Tensor:
        """What torch itself does for these functions: fill an empty tensor in place."""
        if kwargs.get("generator") is not None:
            return getattr(torch, name)(*args, **kwargs)  # type: ignore[no-any-return]
        options = {
            key: value for key, value in kwargs.items() if key not in ("generator", "low", "high", "input")
        }
        template = args[0] if args else kwargs["input"]
        empty = torch.empty_like(template, **options)
        if empty.is_meta:
            return empty
        generator = self._on(empty.device)
        if name == "rand_like":
            return empty.uniform_(generator=generator)
        if name == "randn_like":
            return empty.normal_(generator=generator)
        bounds = [*args[1:], *(kwargs[key] for key in ("low", "high") if key in kwargs)]
        return empty.random_(*([0] if len(bounds) == 1 else []), *bounds, generator=generator)


def _device_of(args: Sequence[Any], kwargs: dict[str, Any]) -> torch.device:
    """Where a random function works: where it was told to, where its first tensor is, or the default."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            return value.device
    return torch.get_default_device()


def _watched(func: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a function that may draw or not: dropout draws nothing outside training."""
    before = torch.default_generator.get_state()
    result = func(*args, **kwargs)
    if not torch.equal(before, torch.default_generator.get_state()):
        raise DrawsInsideTorchError(
            f"torch's {func.__name__} draws from the global generator and takes no other"
        )
    return result
