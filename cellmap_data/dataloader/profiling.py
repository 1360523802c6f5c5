"""What a loader does, as seen by torch's profiler, and what Python's global lock costs it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

from torch.autograd import profiler

_NOTHING = nullcontext()
_NAP = 1e-4


def profiled(stage: str) -> AbstractContextManager[object]:
    """A range of that name in the trace of ``torch.profiler``, if one is running.

    The threads that read are in a trace only if it is one of all threads, and workers in none.
    """
    running = getattr(profiler, "_is_profiler_enabled", True)  # a range nobody records costs 10 us, this 0.1
    return profiler.record_function(f"cellmap_data.{stage}") if running else _NOTHING


def lock_delay() -> float:
    """Seconds this thread waits for Python's lock after a nap: next to none, or 5 ms beside Python code.

    Code that does its work outside the lock, as torch does, takes it for moments only. Where processors are
    short, what it takes to get one of them is counted too.
    """
    start = time.perf_counter()
    time.sleep(_NAP)  # a call that lets go of the lock for less has it back before others have woken up
    return max(0.0, time.perf_counter() - start - _NAP)
