"""What happens when a plugin fails, for each plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from cellmap_data.errors import ConfigurationError, message

__all__ = ["RAISE", "FailurePolicy"]

_SKIP_PLUGIN = re.compile(r"skip_plugin(?:\((?:limit=)?(\d+)\))?")
_DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What to do when a hook of a plugin raises.

    Parameters
    ----------
    kind
        ``"raise"``: the error ends the iteration. ``"skip_sample"``: in ``post_sample`` of a training sample
        another sample takes its place (any of the dataset; one of the same batch if a sampler was given),
        everywhere else as ``"raise"``. ``"skip_plugin"``: the call counts as
        not made, and the other plugins go on.
    limit
        How many failures ``"skip_plugin"`` puts up with, over all hooks, threads and workers; one more is
        raised.
    """

    kind: Literal["raise", "skip_sample", "skip_plugin"] = "raise"
    limit: int | None = None

    def __str__(self) -> str:
        return self.kind if self.limit is None else f"{self.kind}(limit={self.limit})"

    @classmethod
    def of(cls, value: Any) -> FailurePolicy:
        """Read a policy, or the text of one: ``"skip_plugin(limit=3)"``; without a limit that one has 10.

        Raises
        ------
        ConfigurationError
            When it is neither.
        """
        if isinstance(value, cls):
            return value
        text = value.replace(" ", "") if isinstance(value, str) else ""
        if text == "raise":
            return RAISE
        if text == "skip_sample":
            return cls("skip_sample")
        match = _SKIP_PLUGIN.fullmatch(text)
        if match is None:
            expected = "'raise', 'skip_sample', 'skip_plugin' or 'skip_plugin(limit=10)'"
            rule = "on_error says what happens when a plugin fails"
            raise ConfigurationError(message(rule, expected=expected, got=repr(value)))
        return cls("skip_plugin", int(match[1] or _DEFAULT_LIMIT))


RAISE = FailurePolicy()
