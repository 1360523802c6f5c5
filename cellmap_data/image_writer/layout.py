"""What an output is: its axes, its voxels in space, and how they are cut into chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.config import axes_of, check_finite
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer.conversion import Conversion
from cellmap_data.ngff import Axis, Level, zarr_format
from cellmap_data.spatial import AXES, Blocks, Lattice, Shape, Vec, VoxelBox
from cellmap_data.storage import ArrayLayout, Box


@dataclass(frozen=True, slots=True)
class OutputLayout:
    """One level of an output.

    Attributes
    ----------
    axes : str
        The stored space axes, "zyx" or "yx".
    lattice : Lattice
        Where the voxels lie; one voxel along z where z is not stored.
    block : Shape
        Voxels that are written at once.
    chunk : Shape
        Voxels that are decoded at once; as large as the block, or a part of it.
    channels : int or None
        Length of a leading axis "c", if there is one.
    dtype : numpy.dtype
        Of the stored values.
    fill_value : float
        What is read where nothing was written.
    conversion : Conversion
        What happens to values that the type does not have.
    version : str
        Of NGFF.
    """

    axes: str
    lattice: Lattice
    block: Shape
    chunk: Shape
    channels: int | None
    dtype: np.dtype[Any]
    fill_value: float
    conversion: Conversion
    version: str

    def __post_init__(self) -> None:
        fits = all(b % c == 0 for b, c in zip(self.block, self.chunk, strict=True))
        if not fits or (self.chunk != self.block and self.zarr_format == 2):
            raise ConfigurationError(
                message(
                    "A block that is written is one chunk, or with NGFF 0.5 one shard of whole chunks.",
                    expected=f"chunks that divide {self.block}"
                    if not fits
                    else "ngff='0.5' for smaller chunks",
                    got=f"chunk_shape {self.chunk} of blocks of {self.block}, ngff={self.version!r}",
                )
            )

    @property
    def zarr_format(self) -> int:
        """The version of zarr that goes with the version of NGFF."""
        return zarr_format(self.version)

    @property
    def blocks(self) -> Blocks:
        """The array cut into blocks, z y x."""
        return Blocks(self.lattice.shape, self.block)

    @property
    def stored_axes(self) -> tuple[Axis, ...]:
        """The axes as the metadata lists them."""
        space = tuple(Axis(name, "space") for name in self.axes)
        return space if self.channels is None else (Axis("c", "channel"), *space)

    @property
    def array(self) -> ArrayLayout:
        """How the array is stored."""
        # A chunk holds one channel, so that one can be had without the others.
        inner = () if self.channels is None else (1,)
        outer = inner if self.chunk == self.block else ((self.channels,) if self.channels else ())
        return ArrayLayout(
            shape=self._stored(self.lattice.shape, () if self.channels is None else (self.channels,)),
            dtype=self.dtype,
            block=self._stored(self.block, outer),
            chunk=self._stored(self.chunk, inner),
            fill_value=self.fill_value,
            names=tuple(axis.name for axis in self.stored_axes),
            zarr_format=self.zarr_format,
        )

    @property
    def job(self) -> dict[str, Any]:
        """What must be the same for another process to go on with the output, in the words of JSON."""
        return {
            "axes": "".join(axis.name for axis in self.stored_axes),
            "shape": list(self.array.shape),
            "voxel size": [round(s, 6) for s in self.lattice.voxel],
            "translation": [round(t, 6) for t in self.lattice.origin],
            "block": list(self.array.block),
            "chunks": list(self.array.chunk),
            "dtype": self.dtype.name,
            "fill_value": str(self.dtype.type(self.fill_value)),
            "conversion": self.conversion,
            "ngff": self.version,
        }

    def level(self, path: str) -> Level:
        """What the metadata says of the level."""
        one, zero = ((1.0,), (0.0,)) if self.channels is not None else ((), ())
        voxel, origin = self._stored(self.lattice.voxel, one), self._stored(self.lattice.origin, zero)
        return Level(path, voxel, origin)

    def index(self, box: VoxelBox) -> Box:
        """A box of voxels, with all channels, as an index into the array."""
        channels = () if self.channels is None else (slice(0, self.channels),)
        return self._stored(box.slices, channels)

    def shape_of(self, box: VoxelBox) -> tuple[int, ...]:
        """The shape of the values of a box: with a channel axis where there is one, and always z, y, x."""
        return box.shape if self.channels is None else (self.channels, *box.shape)

    def halved(self) -> OutputLayout:
        """The next coarser level: two voxels make one along each axis that has two.

        Where a length is odd the last voxel is made of one.
        """
        factors = self.factors
        pairs = list(zip(self.lattice.origin, self.lattice.voxel, self.lattice.shape, factors, strict=True))
        tz, ty, tx = (t + (f - 1) / 2 * s for t, s, _, f in pairs)
        sz, sy, sx = (s * f for _, s, _, f in pairs)
        nz, ny, nx = (-(-n // f) for _, _, n, f in pairs)
        return replace(self, lattice=Lattice((tz, ty, tx), (sz, sy, sx), (nz, ny, nx)))

    @property
    def factors(self) -> Shape:
        """How many voxels make one of the next coarser level."""
        z, y, x = (2 if n > 1 else 1 for n in self.lattice.shape)
        return z, y, x

    def _stored(self, values: tuple[Any, Any, Any], leading: tuple[Any, ...]) -> tuple[Any, ...]:
        """One value for each stored axis from one for each of z, y, x."""
        return (*leading, *(values[AXES.index(axis)] for axis in self.axes))


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """The axes of arguments and patches, as the user counts them.

    Attributes
    ----------
    axes : str
        The stored space axes in the user's order.
    """

    axes: str

    @classmethod
    def of(cls, axis_order: str, scale: Mapping[str, float] | Sequence[float]) -> AxisOrder:
        """The axes that have a voxel size; an axis "c" in the order goes without saying."""
        order = axis_order.replace("c", "")
        if isinstance(scale, Mapping):
            order = "".join(axis for axis in order if axis in scale)
        return cls(axes_of(order, len(scale)))

    @property
    def stored(self) -> str:
        """The axes in the order in which they are stored."""
        return "".join(axis for axis in AXES if axis in self.axes)

    def by_axis(
        self, what: str, values: Mapping[str, Any] | Sequence[Any], absent: Any = None
    ) -> dict[str, Any]:
        """One value for each axis; a sequence may lack the first ones where ``absent`` stands in for them.

        Raises
        ------
        ConfigurationError
            If an axis has no value.
        """
        if isinstance(values, Mapping):
            given = dict(values)
        elif not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
            given = {}
        else:
            missing = [absent] * (len(self.axes) - len(values)) if absent is not None else []
            given = dict(zip(self.axes, [*missing, *values], strict=False))
        if not set(self.axes) <= set(given) or (
            not isinstance(values, Mapping) and len(values) > len(self.axes)
        ):
            raise ConfigurationError(
                message(f"{what} has a value for each axis.", expected=", ".join(self.axes), got=values)
            )
        return {axis: given[axis] for axis in self.axes}

    def vec(self, values: Mapping[str, Any], absent: float) -> Vec:
        """Numbers in z, y, x order; ConfigurationError if one is not finite."""
        check_finite(values, "A place and a size have a number of nm along each axis.")
        z, y, x = (float(values.get(axis, absent)) for axis in AXES)
        return z, y, x

    def shape(self, values: Mapping[str, Any]) -> Shape:
        """Numbers of voxels in z, y, x order; one along an axis that is not stored."""
        wanted = [values.get(axis, 1) for axis in AXES]
        if not all(isinstance(n, Real | np.integer) and float(n).is_integer() for n in wanted):
            raise ConfigurationError(
                message("Blocks and chunks are of whole voxels.", expected="whole numbers", got=dict(values))
            )
        z, y, x = map(int, wanted)
        return z, y, x

    def turned_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape ``[(channels,) z, y, x]`` with the user's axes."""
        *leading, z, y, x = shape
        sizes = {"z": z, "y": y, "x": x}
        return (*leading, *(sizes[axis] for axis in self.axes))

    def to_zyx(self, patch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A patch ``[(channels,) *axes]`` as a view ``[(channels,) z, y, x]``."""
        leading = patch.ndim - len(self.axes)
        order = [leading + self.axes.index(axis) for axis in self.stored]
        turned = patch.transpose([*range(leading), *order])
        return turned if "z" in self.axes else turned[..., None, :, :]

    def from_zyx(self, patch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The inverse of :meth:`to_zyx`."""
        patch = patch if "z" in self.axes else patch[..., 0, :, :]
        leading = patch.ndim - len(self.axes)
        return patch.transpose([*range(leading), *(leading + self.stored.index(axis) for axis in self.axes)])
