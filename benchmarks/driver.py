"""Runs contenders in turns, checks and weighs each. The clock is theirs, the rest is seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.outcome import Outcome, Rounds
from benchmarks.tasks import BLENDED, Setting, Task
from benchmarks.tree import Scale, Tree
from benchmarks.truth import Truth

QUEUES = 4  # batches of each worker in a round, so that a round measures more than what was read ahead
WARM = 120  # batches that fill a cache
STEPS = 40  # batches of a round with steps: its first one comes after a halt
SETTLE = 4.0  # seconds that a contender delivers before it is measured: code is loaded, memory has grown


class ContenderError(Exception):
    """A contender has ended before its time, or delivers wrong data."""


class Contender:
    """A process that delivers batches when told to; :mod:`benchmarks.contenders.serve` has what is said.

    Parameters
    ----------
    setting, task : Setting, Task
        What it is, and what it is to deliver.
    command : sequence of str
        What to run.
    environment : mapping
        The variables it sees.
    """

    def __init__(
        self, setting: Setting, task: Task, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.setting, self.task = setting, task
        ahead = setting.workers or not setting.is_peer  # peers without workers read when asked
        queues = QUEUES // 2 if setting.transform in BLENDED else QUEUES  # seconds a batch, for some
        self.least = queues * max(1, setting.workers) if ahead else 1
        self._rounds: dict[str, Rounds] = {}
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=dict(environment),
        )
        self.tree = Tree(self._process.pid)
        self._scale = Scale(self.tree)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.tree.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def prepare(self, truth: Truth | None) -> None:
        """Wait until it is ready, check its first batch, warm it up; weigh it meanwhile."""
        with self._scale.watching():
            self._hear()
            if truth is not None:
                self.check(truth)
            self._ask(f"run {WARM if self.setting.cache else self.least}")
        self.tree.hold()

    def check(self, truth: Truth) -> None:
        """Refuse a contender whose next batch is not what the task asks for."""
        with tempfile.TemporaryDirectory() as folder:
            told = self._ask(f"first {folder}")
            arrays = {
                key: np.fromfile(Path(folder) / key, of["dtype"]).reshape(of["shape"])
                for key, of in told["arrays"].items()
            }
        if "batch" in arrays:  # the C reader keeps raw and labels side by side
            arrays = {"raw": arrays["batch"][:, :1], "labels": arrays["batch"][:, 1:]}
        try:
            turned, blended = self.setting.transform != "none", self.setting.transform in BLENDED
            truth.check(arrays["raw"], arrays["labels"], self.task, told["places"], turned, blended)
        except ValueError as error:
            raise ContenderError(f"it delivers wrong data: {error}") from error

    def length(self, seconds: float) -> int:
        """How many batches last so long, found in rounds that do not count."""
        batches, settled = self.least, time.monotonic() + SETTLE
        while True:
            took = self._run(f"run {batches}")["seconds"]
            if took < seconds / 2:
                batches *= 2
            elif time.monotonic() > settled:
                return max(self.least, round(batches * seconds / took))

    def round(self, batches: int, step: str = "") -> None:
        """Deliver batches, each followed by a step, and keep how that went."""
        used = self.tree.cpu_seconds()
        answer = self._run(f"run {batches} {step}")
        self._rounds.setdefault(step, Rounds()).add(answer, self.tree.cpu_seconds() - used)

    def weigh(self) -> None:
        """Deliver batches, watched: such a round is not timed."""
        with self._scale.watching():
            self._run(f"run {self.least}")

    def outcomes(self) -> list[Outcome]:
        """What was measured, for each step."""
        return [Outcome.of(self.setting, step, of, self._scale.peak) for step, of in self._rounds.items()]

    def _run(self, line: str) -> dict[str, Any]:
        self.tree.release()
        answer = self._ask(line)
        self.tree.hold()
        return answer

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and what it left says why
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            raise ContenderError(f"it ended with code {code}: {self._log.read()[-2000:]}")
        return json.loads(line)


def take_turns(
    contenders: Sequence[Contender], rounds: int, seconds: float, steps: Sequence[str] = ("",)
) -> list[Outcome]:
    """Run rounds of about so many seconds, A B A B, then weigh each. All are prepared.

    Parameters
    ----------
    contenders : sequence of Contender
        Held still but for their own rounds.
    rounds : int
        How many of each, for each step.
    seconds : float
        About how long a round is without steps; longer where too few batches would be delivered.
    steps : sequence of str
        What follows each batch: ``"sleep 50"`` (milliseconds), ``"matmul 50"``, or nothing.
    """
    batches = {contender: contender.length(seconds) for contender in contenders}
    for _ in range(rounds):
        for step in steps:
            for contender, count in batches.items():
                contender.round(STEPS if step else count, step)
    for contender in contenders:
        contender.weigh()
    said = ", ".join(f"{contender.setting.name}: {count}" for contender, count in batches.items())
    print(f"batches of a round: {said}", file=sys.stderr)
    return [outcome for contender in contenders for outcome in contender.outcomes()]
