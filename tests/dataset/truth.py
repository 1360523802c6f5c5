"""What a sample must hold, worked out voxel by voxel in world space, with nothing of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # [3, z, y, x], nm


def places(
    centre: Mapping[str, float],
    shape: Sequence[int],
    voxel: Sequence[float],
    motion: npt.ArrayLike = np.eye(3),
    bend: tuple[npt.NDArray[np.float64], Sequence[float]] | None = None,
) -> Points:
    """Where the voxels of a patch lie in the world: its offsets from the centre, bent and moved.

    ``bend`` is the displacement of control points [z, y, x, 3] about the centre, and their spacing, nm.
    """
    offsets = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, voxel, strict=True)]
    grid = np.stack(np.meshgrid(*offsets, indexing="ij"))
    if bend is not None:
        grid = grid + splines(*bend, grid)
    middle = np.array([centre[axis] for axis in "zyx"])
    return np.einsum("ab,bzyx->azyx", np.asarray(motion), grid) + middle[:, None, None, None]


def index_at(points: Points, voxel: Sequence[float], origin: Sequence[float]) -> Points:
    """The place of each point in units of voxels of the finest level, 0 at the centre of the first."""
    shape = 3, 1, 1, 1
    return (points - np.reshape(origin, shape)) / np.reshape(voxel, shape)


def splines(control: npt.NDArray[np.float64], spacing: Sequence[float], points: Points) -> Points:
    """The sum over all control points of cubic B-splines."""
    parts = []
    for axis in range(3):
        n = np.arange(control.shape[axis]) - (control.shape[axis] - 1) / 2
        far = np.abs(points[axis][..., None] / spacing[axis] - n)
        parts.append(np.where(far < 1, 2 / 3 - far**2 + far**3 / 2, np.maximum(2 - far, 0) ** 3 / 6))
    return np.einsum("zyxa,zyxb,zyxc,abcd->dzyx", *parts, control)


def mean_index(index: Points, width: float) -> Points:
    """The mean over ``width`` of the index of the voxel that lies there: voxels are constant."""

    def up_to(place: Points) -> Points:
        n = np.floor(place + 0.5)
        return n * (n - 1) / 2 + n * (place + 0.5 - n)

    return (up_to(index + width / 2) - up_to(index - width / 2)) / width


def ramp_at(index: Points) -> npt.NDArray[np.float64]:
    """The value of ``tests.volumes.ramp`` between its voxels: it is linear."""
    return 10_000 * index[0] + 100 * index[1] + index[2]


def nearest(index: Points) -> Points:
    """The nearest voxel, ties down."""
    return np.ceil(index - 0.5 - 1e-3)


def inside(index: Points, shape: Sequence[int]) -> npt.NDArray[Any]:
    """Whether the nearest voxel is one that is stored."""
    return ((nearest(index) >= 0) & (nearest(index) < np.reshape(shape, (3, 1, 1, 1)))).all(axis=0)
