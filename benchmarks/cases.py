"""The cases: what is delivered, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tasks import Setting, Task

NATIVE = Setting("native")
RAM = Setting("ram")
EARLIER = (Setting("earlier"), Setting("earlier", workers=2))


def ours(**options: object) -> tuple[Setting, Setting]:
    """Ours, with threads and with two workers."""
    return Setting(**options), Setting(workers=2, **options)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Case:
    """A group of contenders that are measured in turns.

    Attributes
    ----------
    name, about
        What to type, and what the table is headed with.
    task
        The same for all.
    settings
        The contenders; the first is the anchor that rates are divided by.
    """

    name: str
    about: str
    task: Task
    settings: tuple[Setting, ...]


CASES = (
    Case("main", "128^3, raw + 3, native dtype", Task(), (NATIVE, RAM, *ours(), EARLIER[1])),
    Case("main-float32", "128^3, raw + 3, float32", Task(), (NATIVE, *ours(dtype="float32"), *EARLIER)),
)
