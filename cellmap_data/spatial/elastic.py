"""Elastic deformation: smooth, random, and never folding over itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.config import AXES
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Vec
from cellmap_data.spatial.lattice import PatchSpec
from cellmap_data.spatial.motion import Array, Displacement, Motion
from cellmap_data.spatial.transforms import Fits

ONE_TO_ONE = 0.4
"""Control points displaced by less than this part of their spacing cannot fold space over.

Choi and Lee, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions", Graphical Models 62
(2000), 411-427: in three dimensions the bound is 1 / 2.479, along each axis.
"""

_OPTIONS = ("control_point_spacing", "max_displacement", "probability")


@dataclass(frozen=True, slots=True)
class Elastic:
    """Bend the patch by a cubic B-spline through displaced control points, all in nm of the world.

    The control points stand on a grid about the patch's centre. Each is displaced along each axis by a number
    drawn uniformly from -``max_displacement`` to ``max_displacement``; between them space follows smoothly.
    What it bends is the sample before it is mirrored, transposed or turned, so z is the sample's z. Along an
    axis on which some array has a single voxel nothing is displaced: a 2-D patch keeps its plane.

    Attributes
    ----------
    spacing : Vec
        From one control point to the next, nm.
    limit : Vec
        The largest displacement, nm; at most 0.4 of the spacing, so that the map is one-to-one.
    probability : float
        How many of the samples are bent at all.
    """

    spacing: Vec
    limit: Vec
    probability: float = 1.0

    @classmethod
    def from_options(cls, options: Any) -> Elastic:
        """Read ``{"control_point_spacing": 400, "max_displacement": 80}``.

        Each is one number, three along z, y, x, or one per axis as in ``{"z": 40, "y": 80, "x": 80}``;
        ``"probability"`` may be added.

        Raises
        ------
        ConfigurationError
            Naming unknown keys, what is no number of nm, and displacements that would fold space.
        """
        given = options if isinstance(options, Mapping) else {}
        spacing = _by_axis(given.get("control_point_spacing"))
        limit = _by_axis(given.get("max_displacement"))
        probability = given.get("probability", 1.0)
        faults = [f"unknown: {key!r}" for key in given if key not in _OPTIONS]
        if not isinstance(options, Mapping):
            faults.append(repr(options))
        if spacing is None or min(spacing) <= 0:
            faults.append(f"control_point_spacing: {given.get('control_point_spacing')!r}")
        if limit is None or min(limit) < 0:
            faults.append(f"max_displacement: {given.get('max_displacement')!r}")
        if not _is_number(probability) or not 0 <= probability <= 1:
            faults.append(f"probability: {probability!r}")
        if faults or spacing is None or limit is None:
            raise _refused("The options of elastic cannot be read.", ", ".join(faults))
        if any(d > ONE_TO_ONE * s for d, s in zip(limit, spacing, strict=True)):
            raise _refused(
                "A larger displacement could fold the sample over itself.",
                f"{limit} nm at a spacing of {spacing} nm, z y x",
            )
        return cls(spacing, limit, float(probability))

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:  # noqa: ARG002
        """Bend by any field: what a bent patch lacks at a border is padding."""
        chance, key = rng.random(), int(rng.random() * 2**53)
        limit = tuple(
            d if all(patch.shape[axis] > 1 for patch in patches) else 0.0 for axis, d in enumerate(self.limit)
        )
        if chance >= self.probability or not any(limit):
            return Motion()
        extents = np.array([patch.extent for patch in patches])
        z, y, x = (2 * math.ceil(e / (2 * s)) + 3 for e, s in zip(extents.max(0), self.spacing, strict=True))
        return Motion(warps=(Spline(self.spacing, limit, (z, y, x), key),))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Spline:
    """A field of displacements: a cubic B-spline over control points, fading out beyond the last.

    Attributes
    ----------
    spacing : Vec
        From one control point to the next, nm; the middle one stands at the centre of the patch.
    limit : Vec
        The largest displacement of a control point along each axis, nm. Between them it is smaller.
    counts : tuple of int
        How many there are.
    key : int
        From which the displacements of the control points follow.
    """

    spacing: Vec
    limit: Vec
    counts: tuple[int, int, int]
    key: int

    @property
    def reach(self) -> Vec:
        """The largest displacement: a spline never leaves the range of its control points."""
        return self.limit

    def control_points(self) -> npt.NDArray[np.float64]:
        """The displacements of the control points, nm: [z, y, x, 3]."""
        rng = np.random.Generator(np.random.Philox(key=self.key))
        return rng.uniform(-1, 1, (*self.counts, 3)) * self.limit

    def displacement(self, z: Array, y: Array, x: Array) -> Displacement:
        """The displacement at some offsets (nm): quickly along the axes of a patch, else place by place."""
        from cellmap_data.spatial import spline_kernels  # which imports the compiler

        control = np.ascontiguousarray(self.control_points().transpose(0, 1, 3, 2))
        a, b, c = (
            offset / spacing + (count - 1) / 2
            for offset, spacing, count in zip((z, y, x), self.spacing, self.counts, strict=True)
        )
        shape = np.broadcast_shapes(a.shape, b.shape, c.shape)
        if (a.size, b.size, c.size) == shape:
            field = np.empty((3, *shape), np.float32)
            spline_kernels.on_grid(control.astype(np.float32), a.ravel(), b.ravel(), c.ravel(), field)
            return field
        a, b, c = (np.broadcast_to(place, shape).ravel() for place in (a, b, c))
        exact = np.empty((3, a.size))
        spline_kernels.at_places(control, a, b, c, exact)
        return exact.reshape(3, *shape)


def _by_axis(value: Any) -> Vec | None:
    """Numbers along z, y, x, however they were given; None for what is none."""
    if isinstance(value, Mapping):
        value = [value[axis] for axis in AXES] if set(value) == set(AXES) else None
    numbers = [value] * 3 if _is_number(value) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 3 or not all(map(_is_number, numbers)):
        return None
    z, y, x = map(float, numbers)
    return z, y, x


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _refused(rule: str, got: str) -> ConfigurationError:
    return ConfigurationError(
        message(
            rule,
            place='spatial_transforms["elastic"]',
            expected=f"nm, one number or one per axis, max_displacement at most {ONE_TO_ONE} of the spacing, "
            'as in {"control_point_spacing": 400, "max_displacement": {"z": 40, "y": 80, "x": 80}}',
            got=got,
        )
    )
