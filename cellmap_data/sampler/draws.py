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


class _ThreadGenerators(threading.local):
    """One Philox for each stream and thread: resetting a counter costs a third of making a generator."""

    def __init__(self) -> None:
        self.of: dict[Stream, tuple[np.random.Philox, np.random.Generator]] = {}


_generators = _ThreadGenerators()


def generator_for(draw: Draw, stream: Stream) -> np.random.Generator:
    """The generator of one sample and stream, at its beginning.

    The object is reused by the next call with the same stream in the same thread: draw what you need before
    asking for another.
    """
    pair = _generators.of.get(stream)
    if pair is None:
        philox = np.random.Philox(key=0)
        pair = _generators.of[stream] = philox, np.random.Generator(philox)
    key = np.array([draw.seed & _WORD, int(stream)], dtype=np.uint64)
    counter = np.array([0, draw.k & _WORD, draw.epoch & _WORD, draw.attempt & _WORD], dtype=np.uint64)
    pair[0].state = {
        "bit_generator": "Philox",
        "state": {"counter": counter, "key": key},
        "buffer": np.zeros(4, dtype=np.uint64),
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
    return pair[1]


def replacement(index: SampleIndex, size: int) -> SampleIndex:
    """The next attempt at a draw: any of ``size`` positions, each equally likely, and new random numbers."""
    draw = index.draw._replace(attempt=index.draw.attempt + 1)
    return SampleIndex(int(generator_for(draw, Stream.REPLACEMENT).integers(size)), draw)
