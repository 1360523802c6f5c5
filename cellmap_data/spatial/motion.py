"""How a patch is moved before it is read: mirrored, transposed, turned about its centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.frame import Shape, Vec

Row: TypeAlias = tuple[float, float, float]
Matrix: TypeAlias = tuple[Row, Row, Row]
"""A 3 x 3 matrix over z, y, x; tuples, so that what holds it is hashable and picklable."""


@dataclass(frozen=True, slots=True)
class Motion:
    """A linear map of world space about the centre of a patch.

    What the sample shows at the offset ``d`` (nm, z y x) from its centre is what the volume holds at the
    offset ``matrix @ S @ d`` from the centre of the patch. The signed permutation ``S`` sends axis ``a`` of
    the sample to axis ``perm[a]`` of the world, reversed where ``flips[a]``. Because it acts on nm and not on
    voxels, it is right for voxels of any proportions.

    Attributes
    ----------
    perm : tuple of int
        The world axis along which each axis of the sample runs.
    flips : tuple of bool
        Which axes of the sample run backwards.
    matrix : Matrix or None
        What comes on top; None for a motion that is pure index arithmetic.
    """

    perm: Shape = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)
    matrix: Matrix | None = None

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
        joint = Motion(perm, flips)  # type: ignore[arg-type]
        if self.matrix is None and other.matrix is None:
            return joint
        # other.R other.S self.R self.S = [other.R (other.S self.R other.S^-1)] (other.S self.S)
        matrix = other.as_array() @ self.as_array() @ joint.as_array().T
        return Motion(joint.perm, joint.flips, as_matrix(matrix))

    def as_array(self) -> npt.NDArray[np.float64]:
        """The whole motion, signed permutation and matrix, as a float64 array [3, 3]."""
        signed = np.zeros((3, 3))
        signed[self.perm, (0, 1, 2)] = np.where(self.flips, -1.0, 1.0)
        return signed if self.matrix is None else np.array(self.matrix) @ signed

    def extent(self, size: Vec) -> Vec:
        """The edge lengths (nm) of the smallest upright box around a moved box of that ``size`` (nm)."""
        if self.matrix is None:
            extent = [0.0, 0.0, 0.0]
            for length, axis in zip(size, self.perm, strict=True):
                extent[axis] = length
        else:
            extent = (np.abs(self.as_array()) @ np.array(size)).tolist()
        return extent[0], extent[1], extent[2]


def as_matrix(array: npt.ArrayLike) -> Matrix:
    """A 3 x 3 array as nested tuples of Python floats."""
    z, y, x = (tuple(row) for row in np.asarray(array, dtype=np.float64).tolist())
    return z, y, x


def _is_regular(matrix: Matrix) -> bool:
    array = np.array(matrix, dtype=np.float64)
    return array.shape == (3, 3) and bool(np.isfinite(array).all()) and bool(np.linalg.det(array) != 0)
