"""The spatial transforms: each draws the motion of one sample. Elastic ones are in ``elastic``.

A draw takes the same number of random numbers whatever it finds, so that what one transform draws does not
depend on where the patch lies or on the transforms before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from numbers import Real
from typing import Any, Protocol, TypeAlias

import numpy as np

from cellmap_data.config import AXES
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Shape, same_voxel_size
from cellmap_data.spatial.lattice import PatchSpec
from cellmap_data.spatial.motion import Motion, as_matrix

Fits: TypeAlias = Callable[[Motion], bool]
"""Whether a motion of the sample at hand takes nothing from outside its sources (:meth:`Source.fits`)."""


class SpatialTransform(Protocol):
    """What an entry of the table of spatial transforms makes from the user's options."""

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:
        """Draw the motion of one sample: a matrix, a :class:`cellmap_data.spatial.Warp`, or both.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of chance: equal generators must give equal motions.
        patches : sequence of PatchSpec
            Everything the sample is made of; one motion moves them all.
        fits : callable
            Says of a motion whether it takes nothing from outside the volumes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mirror:
    """Reflect about the patch's centre, each axis with its own probability (z, y, x)."""

    probabilities: tuple[float, float, float]

    @classmethod
    def from_options(cls, options: Any) -> Mirror:
        """Read ``{"axes": {"x": 0.5}}`` or ``{"x": 0.5}``; True stands for 0.5.

        Raises
        ------
        ConfigurationError
            Naming what is no axis or no probability.
        """
        chances = _by_axis("mirror", options, _probability, 'a probability in 0..1 or True, as in {"x": 0.5}')
        z, y, x = (chances.get(axis, 0.0) for axis in AXES)
        return cls((z, y, x))

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:  # noqa: ARG002
        """Reflect each axis or not; a reflection always fits."""
        z, y, x = (bool(rng.random() < p) for p in self.probabilities)
        return Motion(flips=(z, y, x))


@dataclass(frozen=True, slots=True)
class Transpose:
    """Permute the listed axes, uniformly among the permutations that make sense for the sample.

    These keep every array's voxel size, leave axes of one voxel alone (a 2-D patch keeps its plane) and take
    nothing from outside the volumes. The permuted box is read and then permuted, so patches keep their shape.
    """

    axes: tuple[int, ...]

    @classmethod
    def from_options(cls, options: Any) -> Transpose:
        """Read ``{"axes": ["x", "y"]}``, or True for all axes.

        Raises
        ------
        ConfigurationError
            For one axis alone, which there is nothing to exchange with, and for what is no axis.
        """
        if options is True:
            return cls((0, 1, 2))
        names = options.get("axes") if isinstance(options, Mapping) and set(options) == {"axes"} else None
        if not isinstance(names, list | tuple) or not _exchangeable(names):
            raise ConfigurationError(
                message(
                    "Transposing takes a list of two axes or three.",
                    place='spatial_transforms["transpose"]',
                    expected='{"axes": ["x", "y"]} or True',
                    got=options,
                )
            )
        return cls(tuple(sorted({AXES.index(name) for name in names})))

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:
        """Choose among the permutations that fit; the identity always does."""
        chance = rng.random()
        candidates = [
            motion
            for motion in (Motion(perm) for perm in self._permutations(patches))
            if motion.perm == (0, 1, 2) or fits(motion)
        ]
        return candidates[int(chance * len(candidates))]

    def _permutations(self, patches: Sequence[PatchSpec]) -> list[Shape]:
        """The permutations that suit the shapes and voxel sizes of all patches."""
        free = [axis for axis in self.axes if all(patch.shape[axis] > 1 for patch in patches)]
        perms: list[Shape] = []
        for order in permutations(free):
            to = dict(zip(free, order, strict=True))
            perm = to.get(0, 0), to.get(1, 1), to.get(2, 2)
            if all(_keeps_voxel_size(patch, perm) for patch in patches):
                perms.append(perm)
        return perms


def _exchangeable(names: Sequence[Any]) -> bool:
    """Whether these are axes, and not one alone: none at all leave patches as they are."""
    return all(name in tuple(AXES) for name in names) and len(set(names)) != 1


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn the patch about its centre, by an angle drawn uniformly for each ``(axis, low, high)``; degrees.

    The turn is right-handed in the frame in which x, y and z (in this order) are right-handed: about z, the
    sample's x axis runs along ``cos a x + sin a y`` of the volume, so that its content appears turned by
    ``-a``. It happens in world space and is therefore a true rotation for voxels of any proportions. Several
    axes compose to one motion: about z first, then y, then x, all of them axes of the volume.
    """

    ranges: tuple[tuple[int, float, float], ...]

    @classmethod
    def from_options(cls, options: Any) -> Rotate:
        """Read ``{"axes": {"z": [-30, 30]}}`` or ``{"z": 45}``, where 45 stands for -45 to 45 degrees.

        Raises
        ------
        ConfigurationError
            Naming what is no axis or no range of angles.
        """
        angles = _by_axis("rotate", options, _angles, 'degrees as [low, high] or one number, as in {"z": 45}')
        return cls(tuple((AXES.index(axis), *angles[axis]) for axis in AXES if axis in angles))

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:  # noqa: ARG002
        """Turn by any angle: what a turned patch lacks at a border is padding."""
        total = np.eye(3)
        for axis, low, high in self.ranges:
            total = rotation(axis, low + (high - low) * rng.random()) @ total
        return Motion(matrix=as_matrix(total)) if self.ranges else Motion()


def rotation(axis: int, degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The right-handed rotation about one of the axes z, y, x as a matrix [3, 3] over z, y, x offsets."""
    angle = np.deg2rad(degrees)
    # Right-handed x -> y -> z -> x: about z, x turns to y; about y, z turns to x; about x, y turns to z.
    start, end = {0: (2, 1), 1: (0, 2), 2: (1, 0)}[axis]
    matrix = np.eye(3)
    matrix[start, start] = matrix[end, end] = np.cos(angle)
    matrix[end, start], matrix[start, end] = np.sin(angle), -np.sin(angle)
    return matrix


def _keeps_voxel_size(patch: PatchSpec, perm: Shape) -> bool:
    return all(
        same_voxel_size(v, patch.voxel[b], P) for v, b, P in zip(patch.voxel, perm, patch.shape, strict=True)
    )


def _by_axis(name: str, options: Any, parse: Callable[[Any], Any], expected: str) -> dict[str, Any]:
    """Options given per axis, bare or under "axes"; all that is wrong with them in one error.

    Raises
    ------
    ConfigurationError
        Naming every axis that does not exist and every value that cannot be right.
    """
    per_axis = options["axes"] if isinstance(options, Mapping) and set(options) == {"axes"} else options
    if not isinstance(per_axis, Mapping):
        faults: list[str] = [repr(options)]
        parsed: dict[str, Any] = {}
    else:
        parsed = {axis: parse(value) for axis, value in per_axis.items() if axis in tuple(AXES)}
        faults = [f"{k!r}: {v!r}" for k, v in per_axis.items() if parsed.get(k) is None]
    if faults:
        raise ConfigurationError(
            message(
                f"The axes of {name} cannot be read.",
                place=f'spatial_transforms["{name}"]',
                expected=f"for x, y or z {expected}",
                got=", ".join(faults),
            )
        )
    return parsed


def _probability(value: Any) -> float | None:
    if isinstance(value, bool):
        return 0.5 if value else 0.0
    return float(value) if _is_number(value) and 0 <= value <= 1 else None


def _angles(value: Any) -> tuple[float, float] | None:
    """The range of angles a value stands for, or None."""
    low_high = (-abs(value), abs(value)) if _is_number(value) else value
    if not isinstance(low_high, list | tuple) or len(low_high) != 2 or not all(map(_is_number, low_high)):
        return None
    low, high = map(float, low_high)
    return (low, high) if low <= high else None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
