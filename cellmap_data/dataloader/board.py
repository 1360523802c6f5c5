"""What the consumer tells its workers while they run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cellmap_data.buffers import SharedWords

__all__ = ["Board"]

_RUN, _EDITION, _STATES = 0, 1, 2


class Board:
    """A run number and the switches of plugins, in memory that workers look at before each batch.

    Only the process that made it writes.

    Parameters
    ----------
    switches
        How many plugins there are; a list of any other length is not theirs, and is not written.
    """

    def __init__(self, switches: int) -> None:
        self._words = SharedWords(_STATES + switches)
        self._edition = 0
        self._pid = os.getpid()

    @property
    def run(self) -> int:
        """The run whose plans are worth reading; 0 for none. Workers skip the plans of any other."""
        return self._words[_RUN]

    @run.setter
    def run(self, number: int) -> None:
        self._words[_RUN] = number

    def write(self, states: Sequence[bool]) -> None:
        """Show which plugins are on."""
        if os.getpid() == self._pid and len(states) == len(self._words) - _STATES:
            for place, state in enumerate(states, start=_STATES):
                self._words[place] = state
            self._words[_EDITION] += 1  # last: whoever sees the new edition sees the new states

    def read(self) -> list[bool] | None:
        """Which plugins are on; None if nothing was written since this process last asked."""
        edition = self._words[_EDITION]
        if edition == self._edition:
            return None
        self._edition = edition
        return [bool(self._words[place]) for place in range(_STATES, len(self._words))]
