"""Small datasets whose samples say which index, draw and process they came from."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import torch

from cellmap_data.sampler import Draw, SampleIndex, Stream, generator_for


class Toy:
    """Sample i is a (1, 4, 4, 4) float32 tensor full of i; ``noise`` is what its draw gives."""

    def __init__(self, size: int = 20, shape: tuple[int, ...] = (1, 4, 4, 4)) -> None:
        self.size, self.shape = size, shape
        self.classes = ["nucleus"]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        return self.read_batch(indices, lambda name, shape, dtype: np.empty(shape, dtype))

    def read_batch(self, indices, allocate):
        count = len(indices)
        x = allocate("x", (count, *self.shape), np.float32)
        idx = allocate("idx", (count,), np.int64)
        noise = allocate("noise", (count, 3), np.float32)
        for row, index in enumerate(indices):
            if not 0 <= index < self.size:
                raise IndexError(f"index {index} is outside 0..{self.size - 1}")
            self.before(index)
            draw = index.draw if isinstance(index, SampleIndex) else Draw(0, 0, index)
            x[row], idx[row] = index, index
            noise[row] = generator_for(draw, Stream.SPATIAL).random(3)
        return [
            {
                "idx": torch.from_numpy(idx)[row],
                "x": torch.from_numpy(x[row]),
                "noise": torch.from_numpy(noise[row]),
            }
            for row in range(count)
        ]

    def before(self, index):
        """Called before an index is read."""


class Broken(Toy):
    """Index 7 cannot be read."""

    def before(self, index):
        if index == 7:
            raise ValueError("index 7 is broken")


class Slow(Toy):
    """Each sample takes a while."""

    def before(self, index):
        time.sleep(0.02)


class Suicidal(Toy):
    """Whoever reads index 7 while the file ``fuse`` exists is killed."""

    def __init__(self, fuse, **options):
        super().__init__(**options)
        self.fuse = fuse

    def before(self, index):
        if index == 7 and self.fuse.exists():
            os.kill(os.getpid(), signal.SIGKILL)


class Plain:
    """A dataset of another kind: no batches, samples are tuples."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.full((2,), float(index)), index


def seeded(number: int = 3) -> torch.Generator:
    """A generator for the ``rng`` of a loader."""
    return torch.Generator().manual_seed(number)


def is_right(batch) -> bool:
    """Whether every sample of a toy batch holds the values of its index."""
    return bool((batch["x"] == batch["idx"].view(-1, 1, 1, 1, 1)).all())


EXECUTORS = [
    {"num_workers": 0},
    {"num_workers": 1},
    {"num_workers": 2},
    {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "forkserver"},
]


def executor_id(options) -> str:
    """A short name for a set of loader options."""
    return "-".join(["workers", *(str(value) for value in options.values())])
