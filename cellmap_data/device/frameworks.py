"""Asking training frameworks whether they are driving this process now.

A framework that drives moves batches to the device itself. That its module was imported says nothing: many
libraries import accelerate or lightning in passing. So a framework is asked, and only if it is there already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal

Framework = Literal["accelerate", "lightning", "deepspeed"]


def driving_framework() -> Framework | None:
    """The framework that drives this process, or this thread, at this moment; None if none does."""
    for framework, drives in _QUESTIONS.items():
        if drives():
            return framework
    return None


def _accelerate_drives() -> bool:
    """An ``Accelerator`` was made. A bare ``PartialState``, as loggers make one, moves no batches."""
    state = sys.modules.get("accelerate.state")
    return state is not None and bool(state.is_initialized())


def _lightning_drives() -> bool:
    """A running ``Trainer`` is asking for this batch.

    Lightning keeps no list of trainers. One that drives has called us, so it is on this thread's stack; a
    trainer that runs elsewhere, or ended, has no say in this batch.
    """
    trainers: list[Any] = [
        module.Trainer
        for name in ("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer")
        if (module := sys.modules.get(name)) is not None and hasattr(module, "Trainer")
    ]
    if not trainers:
        return False
    kinds, homes = tuple(trainers), {trainer.__module__ for trainer in trainers}
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in homes:
            caller: Any = frame.f_locals.get("self")
            if isinstance(caller, kinds) and caller.state.status == "running":
                return True
        frame = frame.f_back
    return False


def _deepspeed_drives() -> bool:
    """DeepSpeed has set up its communication, as ``deepspeed.initialize`` does."""
    comm = sys.modules.get("deepspeed.comm")
    return comm is not None and bool(comm.is_initialized())


_QUESTIONS: dict[Framework, Callable[[], bool]] = {
    "accelerate": _accelerate_drives,
    "lightning": _lightning_drives,
    "deepspeed": _deepspeed_drives,
}
