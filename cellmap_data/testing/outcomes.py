"""Suites that run with pytest and without: how a check ends, and who calls the checks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from unittest import SkipTest

from cellmap_data.errors import CellMapDataError, message

__all__ = ["Outcome", "fail", "run", "skip"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check of a suite ended.

    Attributes
    ----------
    name
        Of the method, without ``test_``.
    promise
        What is promised when it passes, in one line.
    skipped
        Why it does not apply; empty if it does.
    failure
        What is wrong; empty if nothing is.
    """

    name: str
    promise: str
    skipped: str = ""
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check was made, and the promise is kept."""
        return not self.skipped and not self.failure


def fail(rule: str, *, place: str = "", expected: object = "", got: object = "", hint: str = "") -> NoReturn:
    """End a check: a promise is not kept."""
    raise AssertionError(message(rule, place=place, expected=expected, got=got, hint=hint))


def skip(reason: str) -> NoReturn:
    """End a check that does not apply; pytest shows it as skipped."""
    raise SkipTest(reason)


def run(suite: Any) -> Iterator[Outcome]:
    """Make the checks of a suite, without pytest, one whenever the next outcome is asked for.

    Parameters
    ----------
    suite
        A subclass of ``PluginTests`` or ``ReaderTests``, or an instance of one. Its checks are the methods
        ``test_*``, those of the subclass included; they must need no fixtures.

    Yields
    ------
    Outcome
        One for each check, in the order in which they are written, those of base classes first.
    """
    made = suite() if isinstance(suite, type) else suite
    for name in _checks(type(made)):
        check = getattr(made, name)
        about = name.removeprefix("test_"), (inspect.getdoc(check) or "").partition("\n")[0]
        try:
            check()
        except SkipTest as reason:
            yield Outcome(*about, skipped=str(reason))
        except (AssertionError, CellMapDataError) as error:
            yield Outcome(*about, failure=str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            yield Outcome(*about, failure=f"{type(error).__name__}: {error}")
        else:
            yield Outcome(*about)


def _checks(suite: type) -> list[str]:
    """The names of the checks of a class, each once."""
    written = (name for kind in reversed(suite.__mro__) for name in vars(kind) if name.startswith("test_"))
    return list(dict.fromkeys(name for name in written if callable(getattr(suite, name))))
