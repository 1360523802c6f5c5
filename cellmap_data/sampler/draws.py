"""Random numbers by counter: what sample k draws is a function of (seed, epoch, k) and nothing else.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a key and a counter into
random bits. The seed and the stream are the key, (k, epoch, attempt) the upper words of the counter, and the
lowest word counts the draws within one sample: no state passes from one sample to the next, so results do
not depend on the number of workers, threads or ranks.
"""

from __future__ import annotations

import threading
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

_WORD = (1 << 64) - 1


class Stream(IntEnum):
    """Independent sequences of random numbers of one sample."""

    SPATIAL = 1
    VALUE = 2
    POST_SAMPLE = 3
    REPLACEMENT = 4


class Draw(NamedTuple):
    """The coordinates of one sample in the space of random numbers."""

    seed: int
    epoch: int
    k: int
    attempt: int = 0


class SampleIndex(int):
    """An index into a dataset that knows which draw it is for: ``index.draw``.

    It is an ``int`` in every other respect, so foreign code may slice, sort and add it; the result of
    arithmetic is a plain int, which stands for a plain read.
    """

    draw: Draw

    def __new__(cls, index: int, draw: Draw) -> SampleIndex:
        """An index with its draw."""
        self = super().__new__(cls, index)
        self.draw = draw
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return SampleIndex, (int(self), self.draw)

    def at(self, index: int) -> SampleIndex:
        """The same draw at another index, for datasets made of datasets."""
        return SampleIndex(index, self.draw)


class _Counted:
    """A generator whose counter can be set; the description of its state is kept, for making one is slow."""

    def __init__(self) -> None:
        self._philox = np.random.Philox(key=0)
        self.generator = np.random.Generator(self._philox)
        self._counter = np.zeros(4, dtype=np.uint64)
        self._key = np.zeros(2, dtype=np.uint64)
        self._state: Any = {  # numpy keeps the name of its type to itself
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": np.zeros(4, dtype=np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }

    def set(self, draw: Draw, stream: Stream) -> None:
        """Go to the beginning of a draw's random numbers; the lowest word of the counter stays 0."""
        counter, key = self._counter, self._key
        key[0], key[1] = draw.seed & _WORD, stream
        counter[1], counter[2], counter[3] = draw.k & _WORD, draw.epoch & _WORD, draw.attempt & _WORD
        self._philox.state = self._state


class _ThreadGenerators(threading.local):
    """One generator for each stream and thread: setting a counter costs a third of making one."""

    def __init__(self) -> None:
        self.of: dict[Stream, _Counted] = {}


_generators = _ThreadGenerators()


def generator_for(draw: Draw, stream: Stream) -> np.random.Generator:
    """The generator of one sample and stream, at its beginning.

    The object is reused by the next call with the same stream in the same thread: draw what you need before
    asking for another.
    """
    counted = _generators.of.get(stream)
    if counted is None:
        counted = _generators.of[stream] = _Counted()
    counted.set(draw, stream)
    return counted.generator


def replacement(index: SampleIndex, size: int) -> SampleIndex:
    """The next attempt at a draw: any of ``size`` positions, each equally likely, and new random numbers."""
    draw = index.draw._replace(attempt=index.draw.attempt + 1)
    return SampleIndex(int(generator_for(draw, Stream.REPLACEMENT).integers(size)), draw)
