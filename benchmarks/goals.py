"""What was set out to be reached, and whether it was: ratios within one case each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.outcome import Outcome

Measured = Mapping[str, Sequence[Outcome]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that is to be at least, or at most, so large."""

    about: str
    case: str
    asked: float
    value: Callable[[Sequence[Outcome]], float]
    most: bool = False

    def row(self, outcomes: Sequence[Outcome]) -> list[str]:
        """The row of a table."""
        try:
            value = self.value(outcomes)
        except ValueError:  # a contender was left out
            return [self.about, self._text, "-", "not measured"]
        return self.judged(value)

    def judged(self, value: float) -> list[str]:
        """The row for a value."""
        reached = value <= self.asked if self.most else value >= self.asked
        return [self.about, self._text, f"{value:.3g}", "yes" if reached else "no"]

    @property
    def _text(self) -> str:
        return f"{'<=' if self.most else '>='} {self.asked:g}"


def goals(measured: Measured, parts: Mapping[str, float]) -> list[list[str]]:
    """A row for each goal of which the case, or the part, was measured."""
    rows = [goal.row(measured[goal.case]) for goal in GOALS if goal.case in measured]
    if "start-up" in parts:
        rows.append(FIRST.judged(parts["start-up"]))
    return rows


def best(outcomes: Sequence[Outcome], kind: str, **options: object) -> float:
    """The highest rate of a kind of contender."""
    return max(outcome.rate for outcome in chosen(outcomes, kind, **options))


def least_cpu(outcomes: Sequence[Outcome], kind: str, **options: object) -> float:
    """The least CPU time for a sample."""
    return min(outcome.cpu for outcome in chosen(outcomes, kind, **options))


def chosen(outcomes: Sequence[Outcome], kind: str, **options: object) -> list[Outcome]:
    """Those of a kind, with the settings asked for."""
    return [
        outcome
        for outcome in outcomes
        if outcome.setting.kind == kind
        and all(getattr(outcome.setting, name) == value for name, value in options.items())
    ]


def share(outcomes: Sequence[Outcome]) -> float:
    """Ours as a share of the native limit."""
    return best(outcomes, "ours") / best(outcomes, "native")


def times(transform: str = "none") -> Callable[[Sequence[Outcome]], float]:
    """Ours against the earlier package, each at its best."""
    return lambda of: best(of, "ours", transform=transform) / best(of, "earlier", transform=transform)


def memory(outcomes: Sequence[Outcome]) -> float:
    """Peak memory with two workers, ours against the earlier package."""
    ours, earlier = (max(o.peak for o in chosen(outcomes, kind, workers=2)) for kind in ("ours", "earlier"))
    return ours / earlier


def mirror_cpu(outcomes: Sequence[Outcome]) -> float:
    """CPU time with mirrors and transpositions, against that without."""
    with_them = least_cpu(outcomes, "ours", transform="mirror + transpose", workers=2)
    return with_them / least_cpu(outcomes, "ours", transform="none", workers=2)


def plugins(outcomes: Sequence[Outcome]) -> float:
    """The rate with four plugins added, against that without; the worse of threads and workers."""
    return min(
        best(outcomes, "ours", workers=n, plugins=4) / best(outcomes, "ours", workers=n, plugins=0)
        for n in (0, 2)
    )


def waiting(outcomes: Sequence[Outcome]) -> float:
    """The share of time waited with a step of 50 ms of sleep."""
    return min(outcome.waited for outcome in outcomes if outcome.step == "sleep 50")


GOALS = (
    Goal("raw + 3, 128^3, native dtype: of the native limit", "main", 0.85, share),
    Goal("... against the earlier package", "main", 5, times()),
    Goal("raw + 3, 128^3, float32: of the native limit", "float32", 0.65, share),
    Goal("... against the earlier package", "float32", 4, times()),
    Goal("raw + 14, 128^3, native dtype: of the native limit", "classes", 0.85, share),
    Goal("... against the earlier package", "classes", 10, times()),
    Goal("raw + 3, 64^3: of the native limit", "small", 0.75, share),
    Goal("... against the earlier package", "small", 3, times()),
    Goal("mirror + transpose: CPU against none", "mirror", 1.2, mirror_cpu, most=True),
    Goal("... against the earlier package", "mirror", 6, times("mirror + transpose")),
    Goal("three axes turned: against the earlier package", "rotate3", 30, times("three axes turned")),
    Goal("crops that fit the cache: of the native limit", "crops", 2, share),
    Goal("... against the earlier package", "crops", 10, times()),
    Goal("locality window: of the native limit", "window", 1.5, share),
    Goal("... against the earlier package", "window", 10, times()),
    Goal("peak memory, 2 workers: against the earlier package", "main", 0.25, memory, most=True),
    Goal("four plugins added: the rate against none", "plugins", 0.98, plugins),
    Goal("share of time waited, step of 50 ms", "wait", 0.02, waiting, most=True),
)
FIRST = Goal("10^9 positions: seconds to the first batch", "start-up", 0.3, lambda _: float("nan"), most=True)
