"""How a patch is moved before it is read: mirrored, transposed, turned about its centre, bent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Shape, Vec

Row: TypeAlias = tuple[float, float, float]
Matrix: TypeAlias = tuple[Row, Row, Row]
"""A 3 x 3 matrix over z, y, x; tuples, so that what holds it is hashable and picklable."""

Array: TypeAlias = npt.NDArray[Any]
Offsets: TypeAlias = tuple[Array, Array, Array]
"""Offsets from the centre of a patch along z, y, x (nm): three arrays that broadcast against each other."""
Displacement: TypeAlias = Array | Offsets
"""What to add to offsets (nm): an array [3, ...] over z, y, x, or one for each, broadcasting with them."""


class Warp(Protocol):
    """A map of world space that is not linear: it adds a displacement to each offset from the centre.

    A warp is a value, as the motion is that holds it: hashable, picklable, equal to others that do the same.
    A frozen dataclass of numbers and tuples is all that. A warp should be one-to-one, or the sample shows
    places twice.
    """

    @property
    def reach(self) -> Vec:
        """How far an offset is displaced at most along each axis, nm: what is read is made larger by it."""
        ...

    def displacement(self, z: Array, y: Array, x: Array) -> Displacement:
        """The displacement at the offsets ``(z, y, x)``.

        Parameters
        ----------
        z, y, x : ndarray
            Offsets, nm, float64. They broadcast against each other; along the axes of a patch that was not
            moved before they have the shapes [Z, 1, 1], [Y, 1] and [X].

        Returns
        -------
        ndarray or tuple of ndarray
            What to add along z, y and x, nm: one array [3, ...], or three; each broadcasts with the offsets.
        """
        ...


@dataclass(frozen=True, slots=True)
class Motion:
    """A map of world space that leaves the centre of a patch where it is, or nearly so.

    What the sample shows at the offset ``d`` (nm, z y x) from its centre is what the volume holds at the
    offset ``matrix @ S @ W(d)`` from the centre of the patch. The signed permutation ``S`` sends axis ``a``
    of the sample to axis ``perm[a]`` of the world, reversed where ``flips[a]``; ``W`` applies the warps one
    after the other. Because all of it acts on nm and not on voxels, it is right for voxels of any
    proportions.

    Attributes
    ----------
    perm : tuple of int
        The world axis along which each axis of the sample runs.
    flips : tuple of bool
        Which axes of the sample run backwards.
    matrix : Matrix or None
        What comes on top; None for a motion whose linear part is index arithmetic.
    warps : tuple of Warp
        What comes before all that.
    """

    perm: Shape = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)
    matrix: Matrix | None = None
    warps: tuple[Warp, ...] = ()

    def __post_init__(self) -> None:
        if sorted(self.perm) != [0, 1, 2]:
            raise ConfigurationError(
                message(
                    "A motion must use each axis once.", expected="a permutation of 0, 1, 2", got=self.perm
                )
            )
        if self.matrix is not None and not _is_regular(self.matrix):
            raise ConfigurationError(
                message("A motion must be invertible.", expected="a regular 3 x 3 matrix", got=self.matrix)
            )

    @classmethod
    def identity(cls) -> Motion:
        """The motion that leaves a patch as it is."""
        return cls()

    def then(self, other: Motion) -> Motion:
        """The motion that sends an offset through this one and the result through ``other``."""
        perm = tuple(other.perm[b] for b in self.perm)
        flips = tuple(f ^ other.flips[b] for f, b in zip(self.flips, self.perm, strict=True))
        joint = Motion(perm, flips, warps=self.warps + self._carried_back(other.warps))  # type: ignore[arg-type]
        if self.matrix is None and other.matrix is None:
            return joint
        # other.R other.S self.R self.S = [other.R (other.S self.R other.S^-1)] (other.S self.S)
        matrix = other.as_array() @ self.as_array() @ joint.as_array().T
        return replace(joint, matrix=as_matrix(matrix))

    @property
    def permutes(self) -> bool:
        """Whether the motion is pure index arithmetic: it only exchanges axes and reverses them."""
        return self.matrix is None and not self.warps

    @property
    def reach(self) -> Vec:
        """How far the warps displace an offset at most, before the linear part acts; nm."""
        z, y, x = np.sum([warp.reach for warp in self.warps], axis=0).tolist() if self.warps else (0.0,) * 3
        return z, y, x

    def as_array(self) -> npt.NDArray[np.float64]:
        """The linear part of the motion, signed permutation and matrix, as a float64 array [3, 3]."""
        signed = np.zeros((3, 3))
        signed[self.perm, (0, 1, 2)] = np.where(self.flips, -1.0, 1.0)
        return signed if self.matrix is None else np.array(self.matrix) @ signed

    def extent(self, size: Vec) -> Vec:
        """The edge lengths (nm) of an upright box around a moved box of that ``size`` (nm).

        It is the smallest one, unless there are warps: these are taken at their full reach.
        """
        size = tuple(length + 2 * r for length, r in zip(size, self.reach, strict=True))  # type: ignore[assignment]
        if self.matrix is None:
            extent = [0.0, 0.0, 0.0]
            for length, axis in zip(size, self.perm, strict=True):
                extent[axis] = length
        else:
            extent = (np.abs(self.as_array()) @ np.array(size)).tolist()
        return extent[0], extent[1], extent[2]

    def _carried_back(self, warps: tuple[Warp, ...]) -> tuple[Warp, ...]:
        """Warps that act before the linear part of this motion as the given ones act after it."""
        linear = as_matrix(self.as_array())
        return warps if linear == _IDENTITY else tuple(_CarriedBack(warp, linear) for warp in warps)


@dataclass(frozen=True, slots=True)
class _CarriedBack:
    """A warp ``W`` seen from before a linear map ``A``: the warp ``A^-1 W A``."""

    warp: Warp
    linear: Matrix

    @property
    def reach(self) -> Vec:
        """The reach of the warp, through the inverse map."""
        z, y, x = (np.abs(np.linalg.inv(self.linear)) @ np.array(self.warp.reach)).tolist()
        return z, y, x

    def displacement(self, z: Array, y: Array, x: Array) -> Displacement:
        """Go to where the warp acts, and bring back what it says."""
        dz, dy, dx = self.warp.displacement(*_mapped(self.linear, (z, y, x)))
        return _mapped(as_matrix(np.linalg.inv(self.linear)), (dz, dy, dx))


def _mapped(matrix: Matrix, offsets: Offsets) -> Offsets:
    """Offsets through a matrix. Terms of zero are left out, so that permuted axes of a patch stay axes."""
    z, y, x = (
        sum((m * offset for m, offset in zip(row, offsets, strict=True) if m != 0), np.zeros(()))
        for row in matrix
    )
    return z, y, x


_IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def as_matrix(array: npt.ArrayLike) -> Matrix:
    """A 3 x 3 array as nested tuples of Python floats."""
    z, y, x = (tuple(row) for row in np.asarray(array, dtype=np.float64).tolist())
    return z, y, x


def _is_regular(matrix: Matrix) -> bool:
    array = np.array(matrix, dtype=np.float64)
    return array.shape == (3, 3) and bool(np.isfinite(array).all()) and bool(np.linalg.det(array) != 0)
