"""Chain hooks: a value that passes from plugin to plugin."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cellmap_data.errors import SampleSkippedError
from cellmap_data.plugins.binding import BoundHook
from cellmap_data.plugins.recorder import Recorder

if TYPE_CHECKING:
    import torch

__all__ = ["Chain"]


@dataclass(frozen=True, slots=True)
class Chain:
    """What answers a chain hook, in order.

    Attributes
    ----------
    answers
        The function of each plugin, at hand, and all about it.
    careful
        Whether a plugin among them may fail without ending the iteration: then :meth:`run` is used, which
        knows what to go back to. All others run in the relay, at a fraction of the cost.
    """

    answers: tuple[tuple[Callable[..., Any], BoundHook], ...]
    careful: bool

    @classmethod
    def of(cls, bounds: Sequence[BoundHook]) -> Chain:
        """Compile hooks that are given in order."""
        careful = any(bound.policy.kind != "raise" for bound in bounds)
        return cls(tuple((bound.call, bound) for bound in bounds), careful)

    def run(
        self, value: Any, *rest: Any, recorder: Recorder, index: int | None = None, replaceable: bool = False
    ) -> Any:
        """Pass ``value`` through; ``rest`` are the other arguments of the hook.

        Each plugin gets containers of its own. If one fails and shall be skipped, the next one gets what it
        was given, unless it has changed a tensor in place: then the sample is as good as lost.

        Parameters
        ----------
        recorder
            Counts.
        index
            The sample, for messages.
        replaceable
            Whether another sample can come in place of this one.

        Raises
        ------
        SampleSkippedError
            When the sample is lost and another one shall come.
        HookError
            When a plugin fails that may not, or fails too often.
        """
        marks = [time.perf_counter()]
        try:
            for call, bound in self.answers:
                tensors: list[torch.Tensor] = []
                given = _copied(value, tensors)
                before = _versions(tensors)
                try:
                    returned = call(given, *rest)
                    bound.check(returned, value, index)
                    value = returned
                except Exception as error:  # noqa: BLE001 - the boundary to foreign code
                    _let_off(bound, error, recorder, index, before == _versions(tensors), replaceable)
                finally:
                    marks.append(time.perf_counter())
            return value
        finally:
            recorder.note_chain((self.answers, marks))


def _let_off(
    bound: BoundHook,
    error: Exception,
    recorder: Recorder,
    index: int | None,
    intact: bool,
    replaceable: bool,
) -> None:
    """Count a failure that is to be skipped; raise any other."""
    policy = bound.policy
    if not bound.is_own(error) or policy.kind == "raise":
        bound.blame(error, index)
    if policy.kind == "skip_plugin" and intact:
        if not recorder.skip(bound, error, "call"):
            bound.blame(error, index)
        return
    if not replaceable:
        if policy.kind == "skip_plugin":
            error.add_note("it cannot be skipped: before it failed it had changed a tensor in place")
        bound.blame(error, index)
    if not recorder.skip(bound, error, "sample"):
        bound.blame(error, index)
    raise SampleSkippedError.of(bound.error_of(error, index)) from error


def _versions(tensors: Sequence[torch.Tensor]) -> list[int]:
    """Numbers that grow when a tensor is changed in place; tensors of inference mode have none."""
    return [0 if tensor.is_inference() else tensor._version for tensor in tensors]


def _copied(value: Any, tensors: list[torch.Tensor]) -> Any:
    """The same tensors in containers of their own; what is found is appended to ``tensors``."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors.append(value)
    elif isinstance(value, MutableMapping):
        fresh = _shell(value)
        for key, item in value.items():
            fresh[key] = _copied(item, tensors)
        return fresh
    elif isinstance(value, list):
        return [_copied(item, tensors) for item in value]
    elif isinstance(value, tuple):
        items = [_copied(item, tensors) for item in value]
        plain = type(value) is tuple or hasattr(value, "_fields")
        return tuple.__new__(type(value), items) if plain else value
    return value


def _shell(value: MutableMapping[Any, Any]) -> MutableMapping[Any, Any]:
    """A mapping of the same class if it can be copied, whose entries are about to be set."""
    if isinstance(value, dict):
        return copy.copy(value)  # unlike its own method it keeps the class and the attributes
    return value.copy() if hasattr(value, "copy") else {}
