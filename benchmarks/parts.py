"""What is no matter of turns: whole runs that are timed from their start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import start_up, writing

PARTS: dict[str, Callable[[Path, int], tuple[str, list[str], float]]] = {
    "start-up": start_up.measure,
    "writing": writing.measure,
}
