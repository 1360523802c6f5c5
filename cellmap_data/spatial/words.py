"""A motion in words, for people who want to know what made a sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cellmap_data.config import AXES
from cellmap_data.spatial.motion import Motion


def in_words(motion: Motion) -> str:
    """What a motion does, step by step, with its numbers: degrees, nm, and axes of sample and volume."""
    steps = [
        f"{type(warp).__name__.strip('_').lower()} of up to {_row(warp.reach)} nm along z, y, x"
        for warp in motion.warps
    ]
    if motion.perm != (0, 1, 2):
        steps.append(f"axes z, y, x run along {', '.join(AXES[axis] for axis in motion.perm)} of the volume")
    if any(motion.flips):
        reversed_axes = ", ".join(axis for axis, flip in zip(AXES, motion.flips, strict=True) if flip)
        steps.append(f"{reversed_axes} reversed")
    if motion.matrix is not None:
        steps.append(_linear(np.array(motion.matrix)))
    return "; ".join(steps) or "none"


def _linear(matrix: npt.NDArray[np.float64]) -> str:
    if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-9) or np.linalg.det(matrix) < 0:
        return f"mapped by [{'; '.join(map(_row, matrix))}] over z, y, x"
    turn = matrix[::-1, ::-1]  # over x, y, z, in which turns are right-handed
    degrees = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    return f"turned by {degrees:.6g} degrees about (z, y, x) = {_row(_axis(turn)[::-1])}"


def _axis(turn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The axis of a rotation over x, y, z, of length 1; (0, 0, 1) if it turns nothing."""
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    if np.linalg.norm(axis) < 1e-9:
        columns = turn + np.eye(3)  # of half a turn each is along the axis
        axis = columns[:, np.linalg.norm(columns, axis=0).argmax()] if np.trace(turn) < 0 else np.eye(3)[2]
    unit: npt.NDArray[np.float64] = axis / np.linalg.norm(axis)
    return unit


def _row(numbers: object) -> str:
    return "(" + ", ".join(f"{number + 0:.6g}" for number in np.round(np.asarray(numbers), 9)) + ")"
