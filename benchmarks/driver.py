"""Runs contenders in turns, checks and weighs each. The clock is theirs, the rest is seen from outside."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.tasks import Setting, Task
from benchmarks.tree import Scale, Tree
from benchmarks.truth import Truth

QUEUES = (
    4  # batches that each worker delivers in a round, so that a round measures more than what was read ahead
)


@dataclass(slots=True)
class Rounds:
    """What rounds gave: samples per second, CPU seconds per sample, share of time waited, peak bytes."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def rate(self) -> float:
        """Samples per second, the median."""
        return statistics.median(self.rates)

    @property
    def cpu_per_sample(self) -> float:
        """CPU seconds of the process tree for each sample, the median."""
        return statistics.median(self.cpu)


class Contender:
    """A process that delivers batches when told to; :mod:`benchmarks.contenders.serve` has what is said."""

    def __init__(
        self, setting: Setting, task: Task, command: Sequence[str], environment: dict[str, str]
    ) -> None:
        self.setting, self.task, self.rounds = setting, task, Rounds()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self.tree = Tree(self._process.pid)
        self._scale = Scale(self.tree)

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.tree.processes()) if self._process.poll() is None else ():
            process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def prepare(self, truth: Truth | None) -> None:
        """Wait until it is ready, check its first batch, warm it up; weigh it meanwhile."""
        with self._scale.watching():
            self._hear()
            if truth is not None:
                self._check(truth)
            self._ask(f"run {self.least}")
        self.tree.hold()

    def round(self, batches: int, step: str = "") -> dict[str, Any]:
        """Deliver batches and keep how fast."""
        used = self.tree.cpu_seconds()
        self.tree.release()
        answer = self._ask(f"run {batches} {step}")
        self.tree.hold()
        used = self.tree.cpu_seconds() - used
        self.rounds.rates.append(answer["samples"] / answer["seconds"])
        self.rounds.cpu.append(used / answer["samples"])
        self.rounds.waited.append(answer.get("waited", 0.0) / answer["seconds"])
        return answer

    def length(self, seconds: float) -> int:
        """How many batches last so long, found in rounds that do not count."""
        batches, took = self.least, 0.0
        while True:
            took = self._time(batches)
            if took >= seconds / 2:
                return max(self.least, round(batches * seconds / took))
            batches *= 2

    def _time(self, batches: int) -> float:
        self.tree.release()
        answer = self._ask(f"run {batches}")
        self.tree.hold()
        return float(answer["seconds"])

    def weigh(self, batches: int) -> None:
        """Deliver batches, watched: such a round is not timed."""
        self.tree.release()
        with self._scale.watching():
            self._ask(f"run {batches}")
        self.tree.hold()
        self.rounds.peak = self._scale.peak

    @property
    def least(self) -> int:
        """How many batches are more than what is read ahead."""
        return QUEUES * max(1, self.setting.workers)

    def _check(self, truth: Truth) -> None:
        with tempfile.TemporaryDirectory() as folder:
            told = self._ask(f"first {folder}")
            arrays = {
                key: np.fromfile(Path(folder) / key, of["dtype"]).reshape(of["shape"])
                for key, of in told["arrays"].items()
            }
        if "batch" in arrays:  # the C reader keeps raw and labels side by side
            arrays = {"raw": arrays["batch"][:, :1], "labels": arrays["batch"][:, 1:]}
        try:
            truth.check(arrays["raw"], arrays["labels"], self.task, told["places"])
        except ValueError as error:
            raise SystemExit(f"{self.setting.name} delivers wrong data: {error}") from error

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise SystemExit(
                f"{self.setting.name} ended with code {self._process.wait()}:\n{self._log.read()}"
            )
        return json.loads(line)


def take_turns(
    contenders: Sequence[Contender], truth: Truth | None, rounds: int, seconds: float, step: str = ""
) -> None:
    """Prepare all, then run rounds of about so many seconds, A B A B, and weigh each."""
    batches = {}
    for contender in contenders:
        contender.prepare(truth)
        batches[contender] = contender.length(seconds)
        print(
            f"{contender.setting.name}: rounds of {batches[contender]} batches", file=sys.stderr, flush=True
        )
    for _ in range(rounds):
        for contender in contenders:
            contender.round(batches[contender], step)
    for contender in contenders:
        contender.weigh(contender.least)
