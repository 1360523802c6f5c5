"""What the consumer and its workers tell each other while they run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cellmap_data.buffers import SharedWords

_RUN, _EDITION, _STATES = 0, 1, 2
_MOST = 1 << 31


class Board:
    """A run number and the switches of plugins, in memory that workers look at before each batch.

    Only the process that made it writes these. Each worker has a word of its own, to count batches with.

    Parameters
    ----------
    switches
        How many plugins there are; a list of any other length is not theirs, and is not written.
    workers
        How many processes count.
    """

    def __init__(self, switches: int, workers: int = 0) -> None:
        self._switches = switches
        self._words = SharedWords(_STATES + switches + workers)
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
        if os.getpid() == self._pid and len(states) == self._switches:
            for place, state in enumerate(states, start=_STATES):
                self._words[place] = state
            self._words[_EDITION] += 1  # last: whoever sees the new edition sees the new states

    def read(self) -> list[bool] | None:
        """Which plugins are on; None if nothing was written since this process last asked."""
        edition = self._words[_EDITION]
        if edition == self._edition:
            return None
        self._edition = edition
        return [bool(self._words[place]) for place in range(_STATES, _STATES + self._switches)]

    def count(self, worker: int, run: int) -> None:
        """Count a batch that a worker has finished; the first one of a run begins anew."""
        place = _STATES + self._switches + worker
        counted_run, counted = divmod(self._words[place], _MOST)
        self._words[place] = run % _MOST * _MOST + (counted if counted_run == run % _MOST else 0) + 1

    def counted(self, run: int) -> int:
        """How many batches of a run workers have finished."""
        words = (self._words[place] for place in range(_STATES + self._switches, len(self._words)))
        counts = (divmod(word, _MOST) for word in words)
        return sum(counted for counted_run, counted in counts if counted_run == run % _MOST)
