"""Generators that an object keeps for itself, as MONAI's transforms and many classes of users do."""

from __future__ import annotations

import copy
import functools
import inspect
import random
from collections.abc import Iterator, Mapping
from types import CellType, MethodType, ModuleType
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch


class Randomizable(Protocol):
    """MONAI's way to hand random numbers to a transform, which passes them on to its parts."""

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Any:
        """Draw from ``state`` from now on."""


def generators_in(thing: Any) -> list[Any]:
    """What in an object draws random numbers of its own, in an order that its copies share.

    Looked at are the attributes of callables, containers, partial functions and bound methods, all the way
    down; not what is no part of a transform, as a dataset it knows, and not the closures and globals of
    functions, which a copy would share: see :func:`borrowed_generators`.
    """
    return list(_walk(thing, set()))


def borrowed_generators(transform: Any) -> list[str]:
    """The names of generators that a function takes from its closure or module, not from its arguments."""
    function = inspect.unwrap(getattr(transform, "__func__", transform))
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    reached = {name: function.__globals__.get(name) for name in code.co_names}
    reached |= {name: _contents(cell) for name, cell in cells}
    return sorted(name for name, value in reached.items() if isinstance(value, _GENERATORS))


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def copy_with_generators(thing: Any) -> tuple[Any, list[Any]]:
    """A copy of an object that shares no generator with it, and those of the copy; itself if it has none."""
    if not generators_in(thing):
        return thing, []
    copied = copy.deepcopy(thing)
    return copied, generators_in(copied)


def reseed(generator: Any, seed: int) -> None:
    """Set one of the generators found by :func:`generators_in` to the beginning of a sequence."""
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        bits.state = type(bits)(seed).state
    elif isinstance(generator, np.random.RandomState):
        kind = generator.get_state(legacy=False)["bit_generator"]
        generator.set_state(getattr(np.random, kind)(seed).state)
    elif isinstance(generator, random.Random):
        generator.seed(seed)
    elif isinstance(generator, torch.Generator):
        generator.manual_seed(seed)
    else:
        generator.set_random_state(state=np.random.RandomState(np.random.Philox(seed)))


_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
_OPAQUE = (str, bytes, int, float, type, ModuleType, np.ndarray, torch.Tensor)


def _is_randomizable(thing: Any) -> TypeGuard[Randomizable]:
    return callable(getattr(thing, "set_random_state", None))


def _walk(thing: Any, seen: set[int]) -> Iterator[Any]:
    if id(thing) in seen or thing is None or isinstance(thing, _OPAQUE):
        return
    seen.add(id(thing))
    if isinstance(thing, _GENERATORS) or _is_randomizable(thing):
        yield thing
        return
    for part in _parts(thing):
        yield from _walk(part, seen)


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, functools.partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, *getattr(thing.__self__, "__dict__", {}).values())
    elif isinstance(thing, Mapping):
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    if callable(thing):
        yield from getattr(thing, "__dict__", {}).values()
