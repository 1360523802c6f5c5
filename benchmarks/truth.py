"""Does a contender deliver the volume? Its first batch is compared with what was written.

A contender need not say where its patches lie: a patch of noisy raw is found in the volume by its first row,
and there every other voxel of raw, and of every class, has to agree. Mirrored and transposed patches are
tried in all 48 ways of turning a cube. Where voxels are blended, by a rotation or an elastic deformation, no
voxel needs to agree, but the first class still shows in raw: no shift of it by one voxel may fit better than
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from pathlib import Path

import numpy as np
import zarr

from benchmarks import volume
from benchmarks.tasks import Task


class Truth:
    """The arrays of a volume, and whether a batch was taken from them."""

    def __init__(self, place: Path, classes: Sequence[str]) -> None:
        self.raw = zarr.open_array(place / "raw" / "s0", mode="r")[:]
        self._labels = {name: zarr.open_array(place / "labels" / name / "s0", mode="r") for name in classes}
        self._bytes = self.raw.tobytes()

    def check(
        self,
        raw: np.ndarray,
        labels: np.ndarray,
        task: Task,
        places: Sequence[Sequence[int]] | None = None,
        turned: bool = False,
        blended: bool = False,
    ) -> None:
        """Refuse a batch that is not what the task asks for.

        Parameters
        ----------
        raw : numpy.ndarray
            Of shape (batch, 1, z, y, x).
        labels : numpy.ndarray
            Of shape (batch, classes, z, y, x).
        task : Task
            What was asked for.
        places : sequence, optional
            The first voxels of the patches, where a contender says them.
        turned, blended : bool
            Whether patches may be mirrored and transposed, and whether voxels may be blends.

        Raises
        ------
        ValueError
            When shapes differ, a patch is nowhere in the volume or not at the place that was said, a label
            does not belong to it, or a place is not aligned as the task asks.
        """
        side = (task.patch,) * 3
        expected = (task.batch, 1, *side), (task.batch, task.labels, *side)
        if (raw.shape, labels.shape) != expected:
            raise ValueError(f"shapes are {raw.shape}, {labels.shape}; not {expected[0]}, {expected[1]}")
        for number in range(task.batch):
            if blended:
                check_fit(raw[number, 0], labels[number, 0])
                continue
            corner = self._check_copy(raw[number, 0], labels[number], turned)
            if places is not None and tuple(places[number]) != corner:
                raise ValueError(f"a patch said to lie at {tuple(places[number])} lies at {corner}")
            if any(first % task.align for first in corner):
                raise ValueError(f"a patch lies at {corner}, not at multiples of {task.align}")

    def _check_copy(self, raw: np.ndarray, labels: np.ndarray, turned: bool) -> tuple[int, ...]:
        for turn in turns() if turned else [Turn((0, 1, 2), (1, 1, 1))]:
            corner = self.find(turn.of(raw))
            if corner is None:
                continue
            for (name, stored), label in zip(self._labels.items(), labels, strict=True):
                if not np.array_equal(stored[box(corner, len(raw))], turn.of(label)):
                    raise ValueError(f"label {name} does not belong to the raw at {corner}")
            return corner
        raise ValueError("a patch of raw is nowhere in the volume")

    def find(self, patch: np.ndarray) -> tuple[int, ...] | None:
        """Where a patch lies, or None."""
        whole = patch.astype(np.uint8)
        if not np.array_equal(whole, patch):
            return None
        at = self._bytes.find(whole[0, 0].tobytes())
        while at >= 0:
            corner = tuple(int(n) for n in np.unravel_index(at, self.raw.shape))
            if np.array_equal(self.raw[box(corner, len(patch))], whole):
                return corner
            at = self._bytes.find(whole[0, 0].tobytes(), at + 1)
        return None


class Turn:
    """One of the 48 ways to turn or mirror a cube."""

    def __init__(self, axes: tuple[int, ...], steps: tuple[int, ...]) -> None:
        self._axes, self._steps = axes, tuple(slice(None, None, step) for step in steps)

    def of(self, patch: np.ndarray) -> np.ndarray:
        """The patch, turned."""
        return patch.transpose(self._axes)[self._steps]


def turns() -> Iterator[Turn]:
    """All 48, the one that changes nothing first."""
    for axes, steps in product(permutations(range(3)), product((1, -1), repeat=3)):
        yield Turn(axes, steps)


def check_fit(raw: np.ndarray, label: np.ndarray) -> None:
    """Refuse a label of the first class that would fit raw better if it were shifted by one voxel."""
    inside, bright = slice(1, -1), raw >= volume.BRIGHT
    for axis, step in product(range(3), (-1, 1)):
        shifted = np.roll(label, step, axis)
        wrong, wrong_shifted = (
            np.count_nonzero((bright != (other > 0))[inside, inside, inside]) for other in (label, shifted)
        )
        if wrong > wrong_shifted:
            raise ValueError(f"the label fits raw better when it is shifted by {step} on axis {axis}")
    if not 0 < np.count_nonzero(label) < label.size:
        raise ValueError("a patch holds no border of the first class, so nothing can be said of it")


def box(corner: Sequence[int], side: int) -> tuple[slice, ...]:
    """The voxels of a cube."""
    return tuple(slice(first, first + side) for first in corner)
