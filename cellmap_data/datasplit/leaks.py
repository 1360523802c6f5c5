"""Crops of which a part is in training and in validation."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.config import raise_faults
from cellmap_data.dataset import CellMapDataset
from cellmap_data.datasplit.checking import Crop
from cellmap_data.errors import SplitError
from cellmap_data.spatial import AXES, Box, Vec
from cellmap_data.spatial.frame import TOLERANCE
from cellmap_data.storage import real_path

Boxes: TypeAlias = npt.NDArray[np.float64]
"""Of several boxes the lower and the upper corner, nm: [boxes, 2, 3]."""

_LISTED = 50


@dataclass(frozen=True, slots=True)
class Leak:
    """A part of a volume that two crops of different use have in common.

    Attributes
    ----------
    train, validate : str
        Where the rows of the two crops stand.
    volume : str
        The raw volume, or the labels.
    box : dict
        What they have in common, ``{axis: (lo, hi)}`` in nm.
    """

    train: str
    validate: str
    volume: str
    box: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        shared = ", ".join(f"{axis} {lo:.12g} to {hi:.12g}" for axis, (lo, hi) in self.box.items())
        return f"{self.train} and {self.validate} share {shared} nm of {self.volume}"


def find_leaks(crops: Sequence[Crop]) -> list[Leak]:
    """The parts of volumes that crops for training and crops for validation have in common.

    A crop is where its samples are drawn: the space that raw and all its labels cover. That two crops lie in
    one raw volume is no leak, that they overlap there is one; and so it is if their labels are the same.
    """
    found: dict[tuple[int, int], Leak] = {}
    for volume, members in _by_volume(crops).items():
        train, validate = ([i for i in members if crops[i].usage == usage] for usage in ("train", "validate"))
        if not train or not validate:
            continue
        boxes = [np.stack([_insides(crops[i].dataset) for i in some]) for some in (train, validate)]
        for t, v in overlaps(*boxes):
            one, other = train[t], validate[v]
            found.setdefault((one, other), _leak(crops[one], crops[other], volume))
    return [found[pair] for pair in sorted(found)]


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Raise if anything is in training and in validation.

    Raises
    ------
    SplitError
        Naming both rows and what they share, of the first 50 pairs.
    """
    more = [f"and {len(leaks) - _LISTED} more"] if len(leaks) > _LISTED else []
    raise_faults(
        SplitError,
        "Crops for training and for validation overlap.",
        [*map(str, islice(leaks, _LISTED)), *more],
        hint="give both the same use, or pass allow_overlap=True if that is meant",
    )


def overlaps(some: Boxes, others: Boxes) -> Iterator[tuple[int, int]]:
    """Which of some boxes overlap which of others; boxes that touch do not.

    Those that begin before another ends are found by their order along z, and only these are compared.
    """
    order = np.argsort(some[:, 0, 0], kind="stable")
    some = some[order]
    for j, (lo, hi) in enumerate(others):
        before = some[: np.searchsorted(some[:, 0, 0], hi[0])]
        shared = ((before[:, 0] < hi) & (before[:, 1] > lo)).all(axis=1)
        for i in np.flatnonzero(shared):
            yield int(order[i]), j


def _box(dataset: CellMapDataset) -> Box:
    box = dataset.layout.bounding_box
    assert box is not None, "the crop has positions"
    return box


def _insides(dataset: CellMapDataset) -> Boxes:
    return inside(_box(dataset), dataset.layout.inputs[0].source.lattice.voxel)


def inside(box: Box, voxel: Vec) -> Boxes:
    """Both corners of a box, a thousandth of a voxel inward: what floats make of touching is no overlap."""
    slack = np.multiply(voxel, TOLERANCE)
    return np.stack([np.add(box.lo, slack), np.subtract(box.hi, slack)])


def _by_volume(crops: Sequence[Crop]) -> Mapping[str, list[int]]:
    """The path of each raw volume and of each array of labels -> the numbers of the crops that have it."""
    real = functools.cache(real_path)
    members: dict[str, list[int]] = {}
    for number, crop in enumerate(crops):
        targets = crop.dataset.layout.targets[:1]
        labels = (image.uri for target in targets for image in target.values())
        for path in (real(crop.dataset.raw_path), *map(os.path.normpath, labels)):
            members.setdefault(path, []).append(number)
    return members


def _leak(train: Crop, validate: Crop, volume: str) -> Leak:
    one, other = _box(train.dataset), _box(validate.dataset)
    box = {axis: (max(one.lo[i], other.lo[i]), min(one.hi[i], other.hi[i])) for i, axis in enumerate(AXES)}
    return Leak(train.place, validate.place, volume, box)
