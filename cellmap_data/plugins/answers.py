"""What the answer to a first-result hook must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cellmap_data.plugins.binding import BoundHook, path_of

__all__ = ["ANSWERS"]


def _samples(bound: BoundHook, answer: Any, dataset: Any, indices: Sequence[int]) -> None:  # noqa: ARG001
    is_sequence = hasattr(answer, "__len__") and hasattr(answer, "__getitem__")
    if not is_sequence or isinstance(answer, Mapping):
        bound.refuse(expected="a list with one sample for each index, or None", got=path_of(type(answer)))
    if len(answer) != len(indices):
        bound.refuse(expected=f"{len(indices)} samples, one for each index", got=f"{len(answer)} samples")


def _offering(what: str, *names: str) -> Callable[..., None]:
    def check(bound: BoundHook, answer: Any, *_: Any) -> None:
        missing = [name for name in names if not hasattr(answer, name)]
        if missing:
            bound.refuse(expected=what, got=f"{path_of(type(answer))}, which has no {', '.join(missing)}")

    return check


_array_reader = _offering(
    "a cellmap_data.storage.ArrayReader or GroupReader, or None", "shape", "dtype", "read", "read_into"
)


def _reader(bound: BoundHook, answer: Any, *arguments: Any) -> None:
    if not isinstance(getattr(answer, "attributes", None), Mapping):  # it is no reader of a group
        _array_reader(bound, answer, *arguments)


ANSWERS: Mapping[str, Callable[..., None]] = {
    "allocate_batch": _offering("a cellmap_data.buffers.SlotProvider, or None", "take", "lease", "memory"),
    "load_samples": _samples,
    "open_array": _reader,
}
"""Hook name -> raises HookError for an answer that nobody could use: ``(bound, answer, *arguments)``."""
