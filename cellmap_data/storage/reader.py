"""What the package asks of something that reads a stored array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Box: TypeAlias = tuple[slice, ...]
"""One ``slice(start, stop)`` for each stored axis, inside the array."""


def in_words(box: Box) -> str:
    """A box as errors name it: ``[0:64, 0:64, 128:192]``."""
    return f"[{', '.join(f'{part.start}:{part.stop}' for part in box)}]"


@runtime_checkable
class Pending(Protocol):
    """A read that is on its way."""

    def result(self) -> None:
        """Wait until the values are there.

        Raises
        ------
        StoreError
            If they cannot be had.
        """


@runtime_checkable
class ArrayReader(Protocol):
    """One stored array; used by many threads at once, and pickled as what is needed to open it again.

    A reader may also have ``chunks``, a tuple of what it decodes as a whole along each stored axis; reports
    and advice are then about these. And ``uniform(box)``, the value in all of a box if it is known to be only
    one, else None; such a box is not read.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels per axis, in the order in which the axes are stored."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the stored values."""

    def read_into(self, box: Box, out: npt.NDArray[Any]) -> Pending:
        """Start to read a box into memory, and return at once.

        Parameters
        ----------
        box : tuple of slice
            What to read.
        out : ndarray
            Where to: of the shape of the box, with any strides, and any dtype the values can be cast to.
        """

    def read(self, box: Box) -> npt.NDArray[Any]:
        """The values in a box, in fresh memory, as they are stored."""


def uniform_value(reader: ArrayReader, box: Box) -> Any:
    """The value in all of a box; None where there are several, or nothing is known."""
    known = getattr(reader, "uniform", None)
    return None if known is None else known(box)


class GroupReader(Protocol):
    """One multiscale volume that is not zarr: what its group says, put in the words of OME-Zarr."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes an OME-Zarr group would have: ``multiscales`` (0.4), or ``ome`` (0.5)."""
