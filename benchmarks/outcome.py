"""What was measured of one contender."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benchmarks.tasks import Setting


@dataclass(slots=True)
class Rounds:
    """Samples per second, CPU seconds per sample and share of time waited, a number for each round."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def add(self, answer: dict[str, float], cpu_seconds: float) -> None:
        """Take in a round: what the contender said, and what its processes used."""
        self.rates.append(answer["samples"] / answer["seconds"])
        self.cpu.append(cpu_seconds / answer["samples"])
        self.waited.append(answer.get("waited", 0.0) / answer["seconds"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """Medians over the rounds of one contender with one step.

    Attributes
    ----------
    rate, spread
        Samples per second; half the range between the quartiles, as a share of it.
    cpu
        CPU seconds of the process tree for each sample.
    waited
        Share of the time that the consumer waited.
    peak
        Bytes of the process tree, the largest seen from its start on.
    """

    setting: Setting
    step: str
    rate: float
    spread: float
    cpu: float
    waited: float
    peak: int

    @classmethod
    def of(cls, setting: Setting, step: str, rounds: Rounds, peak: int) -> Outcome:
        """Take the medians."""
        rate = statistics.median(rounds.rates)
        low, _, high = statistics.quantiles(rounds.rates, n=4) if len(rounds.rates) > 1 else [rate] * 3
        return cls(
            setting,
            step,
            rate,
            (high - low) / 2 / rate,
            statistics.median(rounds.cpu),
            statistics.median(rounds.waited),
            peak,
        )
