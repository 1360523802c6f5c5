"""Samples in order, while later ones are read in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from cellmap_data.dataset.batch import Sample
from cellmap_data.errors import SampleError
from cellmap_data.prefetch import Prefetcher

_CHUNKS_AHEAD = 2

_Fault: TypeAlias = IndexError | SampleError
_FAULTS = (IndexError, SampleError)


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """The samples of some indices; each iteration reads them anew.

    Attributes
    ----------
    read : callable
        Gives the samples of several indices.
    indices : iterable of int
        Taken as they are needed, so there may be any number.
    batch_size : int
        How many are read together.
    """

    read: Callable[[list[int]], list[Sample]]
    indices: Iterable[int]
    batch_size: int

    def __iter__(self) -> Iterator[Sample]:
        """What a read raises is raised at its place; closing the iterator ends the reading."""
        with Prefetcher(self._read_chunk, max_prefetch=_CHUNKS_AHEAD) as ahead:
            for samples, error in ahead.start(self._chunks()):
                yield from samples
                if error is not None:
                    raise error

    def _chunks(self) -> Iterator[list[int]]:
        rest = iter(self.indices)
        while chunk := list(islice(rest, self.batch_size)):
            yield chunk

    def _read_chunk(self, chunk: list[int]) -> tuple[list[Sample], _Fault | None]:
        """The samples of a chunk, or those before the first that fails, and what was raised there."""
        try:
            return self.read(chunk), None
        except _FAULTS as error:
            if len(chunk) == 1:
                return [], error
        samples: list[Sample] = []
        for index in chunk:  # one at a time: a chunk that fails does not say what came before
            read, fault = self._read_chunk([index])
            if fault is not None:
                return samples, fault
            samples += read
        return samples, None
