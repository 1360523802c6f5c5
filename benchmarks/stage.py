"""Gets what a case needs: its volumes, the truth about them, a server where it asks for one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean

from benchmarks import volume
from benchmarks.bucket import BYTES_PER_SECOND, serving
from benchmarks.cases import Case
from benchmarks.driver import ContenderError, take_turns
from benchmarks.launch import LeftOutError, start
from benchmarks.outcome import Outcome
from benchmarks.tasks import Task
from benchmarks.truth import Truth


def measure(case: Case, folder: Path, rounds: int, seconds: float) -> tuple[list[Outcome], list[str]]:
    """Run one case.

    Returns
    -------
    outcomes : list of Outcome
        Of each contender and step.
    notes : list of str
        Who took no part, and why; what the wire allows.

    Raises
    ------
    ContenderError
        When ours fails, or delivers wrong data. A peer that does is left out.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ended from outside, contenders end too
    notes: list[str] = []
    truth = Truth(volume.make(folder, case.task.size, case.task.labels), case.task.classes)
    with reading(case.task, folder) as (places, variables), ExitStack() as stack:
        started, ready = [], []
        for setting in case.settings:
            given = [plain(case.task, folder)] if setting.in_c else places
            try:
                started.append(stack.enter_context(start(setting, case.task, given, variables)))
            except LeftOutError as reason:
                notes.append(f"Left out: {setting.name}: {reason}")
        for contender in started:
            try:
                contender.prepare(truth)
                ready.append(contender)
            except ContenderError as reason:
                if not contender.setting.is_peer:
                    raise ContenderError(f"{contender.setting.name}: {reason}") from reason
                notes.append(f"Left out: {contender.setting.name}: {reason}")
        if case.task.bucket:
            notes.append(f"The wire allows {wire(case.task, folder):.1f} samples/s.")
        return take_turns(ready, rounds, seconds, case.steps), notes


@contextmanager
def reading(task: Task, folder: Path) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The volumes that a task reads, and the variables that say how to reach them."""
    if task.crops:
        places = volume.make_crops(folder, task.crops, task.crop, task.size, task.labels, task.chunk)
        yield [str(place) for place in places], {}
        return
    place = volume.make(folder, task.size, task.labels, task.chunk, task.layout)
    if not task.bucket:
        yield [str(place)], {}
        return
    with serving(place) as (uri, variables):
        yield [uri], variables


def plain(task: Task, folder: Path) -> str:
    """What the C reader reads instead of crops and shards: the whole volume in the same chunks."""
    layout = "v2" if task.layout == "sharded" else task.layout
    return str(volume.make(folder, task.size, task.labels, task.chunk, layout))


def wire(task: Task, folder: Path) -> float:
    """Samples per second when all bytes of the chunks that a patch touches come over the wire."""
    place = volume.make(folder, task.size, task.labels, task.chunk, task.layout)
    stored = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    firsts = range(task.size - task.patch + 1)
    touched = fmean((first + task.patch - 1) // task.chunk - first // task.chunk + 1 for first in firsts)
    return BYTES_PER_SECOND / (stored * (touched * task.chunk / task.size) ** 3)
