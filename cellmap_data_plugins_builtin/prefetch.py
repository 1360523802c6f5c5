"""Reading ahead in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.plugins import DataLoaderPlugin
from cellmap_data.prefetch import Prefetcher


class PrefetchPlugin(DataLoaderPlugin):
    """Begins to read a batch as soon as its indices are known, and hands it over when it is wanted.

    Two threads read at a time, so that decoders have work while a finished batch is put together. In a
    worker process the next batch is not known before it is wanted, and reading runs ahead of the consumer
    anyway: there the plugin stands aside.

    Parameters
    ----------
    max_prefetch
        The number of samples read and not yet handed over, at most.
    priority
        Place in the order of plugins.
    """

    def __init__(self, max_prefetch: int = 8, priority: int = 100) -> None:
        super().__init__("prefetch", priority)
        if not isinstance(max_prefetch, int) or max_prefetch < 1:
            rule, got = "prefetching needs room for a sample", repr(max_prefetch)
            raise ConfigurationError(message(rule, expected="max_prefetch, an int from 1 on", got=got))
        self.max_prefetch = max_prefetch
        self._in_worker = False
        self._sequences: dict[int, _Sequence] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_sequences": {}}

    def get_hook_methods(self) -> dict[str, str]:
        """Batches are begun, handed over, and dropped at the end of an epoch."""
        return {
            "pre_batch": "begin",
            "load_samples": "hand_over",
            "post_batch": "end_idle",
            "post_epoch": "stop",
            "setup_worker": "stand_aside",
        }

    def begin(self, dataset: Any, indices: Sequence[int]) -> None:
        """Start to read a batch in the background."""
        if self._in_worker:
            return
        sequence = self._sequences.get(id(dataset))
        if sequence is None:
            sequence = self._sequences[id(dataset)] = _Sequence(dataset, self.max_prefetch)
        sequence.add(indices)

    def hand_over(self, dataset: Any, indices: Sequence[int]) -> list[Any] | None:
        """The samples of a batch that was begun; None for any other."""
        sequence = self._sequences.get(id(dataset))
        if sequence is None:
            return None
        try:
            samples = sequence.take(indices)
        except BaseException:
            self.end_idle()  # no batch follows that would do it
            raise
        if not self.enabled:
            self.end_idle()  # switched off after this batch was begun: nobody will ask again
        return samples

    def end_idle(self) -> None:
        """End the threads of whatever has nothing left to read."""
        for key in [key for key, sequence in self._sequences.items() if sequence.is_empty]:
            self._sequences.pop(key).stop()

    def stop(self) -> None:
        """Throw away what was read ahead and end the threads."""
        while self._sequences:
            self._sequences.popitem()[1].stop()

    def stand_aside(self) -> None:
        """Do nothing in a worker process."""
        self._in_worker = True


class _Sequence:
    """Batches of one dataset that are wanted in the order in which they were begun.

    A batch is read in halves, by two threads at the same time: so the first one comes soon. Parts are of at
    most half of what may be read ahead, so that two of them fit.
    """

    def __init__(self, dataset: Any, max_prefetch: int) -> None:
        self.dataset = dataset  # kept, for its id is what it is found by
        self._part = max(1, max_prefetch // 2)
        self._batches: deque[tuple[Sequence[int], int]] = deque()
        self._max_prefetch = max_prefetch
        self._reader: Prefetcher[Sequence[int], list[Any]] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._batches

    def add(self, indices: Sequence[int]) -> None:
        part = min(self._part, -(-len(indices) // 2))
        if self._reader is None:
            ahead = max(1, self._max_prefetch // part)
            self._reader = Prefetcher(self.dataset.__getitems__, max_prefetch=ahead)
            self._reader.start([])
        parts = [indices[start : start + part] for start in range(0, len(indices), part)]
        self._batches.append((indices, len(parts)))
        self._reader.submit(*parts)

    def take(self, indices: Sequence[int]) -> list[Any] | None:
        if self._reader is None or all(begun is not indices for begun, _ in self._batches):
            return None
        while True:
            begun, parts = self._batches.popleft()
            samples: list[Any] = []
            failure: Exception | None = None
            for _ in range(parts):
                try:
                    samples += self._reader.get()
                except Exception as error:  # noqa: BLE001 - every part is taken before the first error is raised
                    failure = failure or error
            if begun is indices:
                if failure is not None:
                    raise failure
                return samples

    def stop(self) -> None:
        if self._reader is not None:
            self._reader.stop()
