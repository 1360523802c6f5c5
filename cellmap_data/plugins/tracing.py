"""A line for every call of a hook: who, what kind of data, how long; never the data itself."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cellmap_data.plugins.binding import HOOKS, BoundHook

__all__ = ["kind_of", "traced"]

_MOST = 8
_DEEPEST = 4


def traced(bound: BoundHook) -> BoundHook:
    """The same hook, with a line to stderr after each call; wrappers, which run in two halves, have none."""
    if bound.is_wrapper:
        return bound

    @functools.wraps(bound.call)
    def call(*arguments: Any) -> Any:
        given = ", ".join(
            f"{name}={kind_of(value)}" for name, value in zip(HOOKS[bound.hook], arguments, strict=True)
        )
        start, result = time.perf_counter(), "raised"
        try:
            answer = bound.call(*arguments)
            result = kind_of(answer)
            return answer
        except BaseException as error:
            result = f"raised {type(error).__name__}"
            raise
        finally:
            taken = 1e3 * (time.perf_counter() - start)
            line = f"{bound.hook} {bound.author.plugin}({given}) -> {result}  {taken:.3f} ms"
            print(f"cellmap-data[{os.getpid()}] {line}", file=sys.stderr, flush=True)

    return replace(bound, call=call)


def kind_of(value: Any, depth: int = 0) -> str:
    """Shapes, dtypes and types; of values only numbers such as an index, which say which call it was.

    ``repr`` of a batch would take milliseconds, and its output would be the data.
    """
    if value is None or isinstance(value, bool | int):
        return str(int(value)) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if hasattr(value, "dtype") and isinstance(getattr(value, "shape", None), tuple):
        device = str(getattr(value, "device", "cpu"))
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{dtype}{list(value.shape)}" + ("" if device == "cpu" else f" on {device}")
    if depth == _DEEPEST:
        return type(value).__name__
    if isinstance(value, Mapping):
        kinds = [f"{key}: {kind_of(item, depth + 1)}" for key, item in list(value.items())[:_MOST]]
        return "{" + ", ".join([*kinds, "..."] if len(value) > _MOST else kinds) + "}"
    if isinstance(value, list | tuple):
        return (
            f"{len(value)} x {kind_of(value[0], depth + 1)}"
            if value and _alike(value)
            else f"{len(value)} items"
        )
    return type(value).__name__


def _alike(values: Sequence[Any]) -> bool:
    return not isinstance(values[0], int) and len({type(value) for value in values}) == 1
