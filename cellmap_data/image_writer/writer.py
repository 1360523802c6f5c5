"""One volume that is written patch by patch."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from cellmap_data.config import as_count, check_finite, check_place
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer.arguments import parse_output
from cellmap_data.image_writer.conversion import Conversion, converted
from cellmap_data.image_writer.layout import AxisOrder, OutputLayout
from cellmap_data.image_writer.ledger import check_intent
from cellmap_data.image_writer.levels import downsampling_for, write_levels
from cellmap_data.image_writer.output import RECORDS
from cellmap_data.image_writer.patches import as_array, fitted
from cellmap_data.spatial import AXES, Blocks, Lattice, VoxelBox, first_voxel
from cellmap_data.storage import ZarrWriter, join


class ImageWriter:
    """A volume of one class or of several channels, written as OME-Zarr.

    Making one makes the array, or joins one that is there. Blocks of ``write_voxel_shape`` lie side by side
    from the array's origin, and each is one chunk or one shard: who writes whole blocks shares no chunk with
    others, so threads, processes and machines may write at once. Patches at other places, and parts of
    blocks, may be written by the threads of one process; processes must not write parts of one block at once
    on stores that cannot write conditionally.

    A pickled writer joins the same output.

    Parameters
    ----------
    path : str
        The multiscale group: a path, ``s3://`` or ``gs://``. Groups around it are made from the part of the
        path that ends in ``.zarr`` on.
    target_class : str
        A name for what the volume shows.
    scale : sequence of float or mapping
        Voxel size in nm along each axis; two for a volume without z.
    bounding_box : mapping
        ``{axis: (lo, hi)}`` in nm: see :meth:`cellmap_data.spatial.Lattice.inside` for the voxels in it.
    write_voxel_shape : sequence of int or mapping
        Voxels of a block, and of a patch; axes that a sequence lacks in front have one.
    scale_level : int
        The array is stored at ``s<scale_level>``.
    axis_order : str
        The axes of the arguments and of patches; they are stored as z, y, x.
    context : object, optional
        How to reach the store, see :mod:`cellmap_data.storage.access`.
    overwrite : bool
        Remove the array that is there, and coarser levels of its group, which show it too.
    dtype : dtype
        Of the stored values.
    fill_value : float
        What is read where nothing was written. Blocks that hold nothing else are not stored.
    resume : bool
        Go on writing the array that is there.
    run_id : str, optional
        Writers with the same one share an output: the first makes it, the others join.
    ngff : {"0.4", "0.5"}
        Version of OME-Zarr: 0.4 is zarr v2, 0.5 is zarr v3.
    chunk_shape : sequence of int or mapping, optional
        Voxels that are decoded at once, if less than a block: the array is sharded then, with ``ngff="0.5"``.
    channels : int or sequence of str, optional
        How many channels there are, or their names: a leading axis of patches and of the array.
    levels : int
        How many levels :meth:`finish` leaves behind, each half as fine as the one before.
    conversion : {"exact", "round", "unit"}
        What happens to values that the stored type does not have. "exact": an error. "round": the nearest
        whole number, cut to the range of the type. "unit": values from 0 to 1 are spread over the range of
        the integers, as 0..255 for uint8.
    downsampling : {"mean", "mode", "nearest"}, optional
        How voxels make coarser ones. By default floats, and integers that stand for 0..1, are averaged, and
        of other integers the most frequent one is taken.
    origin : mapping or sequence of float, optional
        The centre of some voxel in nm, in the box or not, where the box does not say enough.

    Attributes
    ----------
    shape : dict
        Voxels along each axis.
    offset : dict
        Centre of the first voxel along each axis, nm: the translation in the metadata.
    chunk_shape : list of int
        Voxels along each axis that are decoded at once.
    array_path : str
        Path of the array.

    Raises
    ------
    OutputExistsError
        If there is an array, and neither ``overwrite`` nor ``resume``.
    ConfigurationError
        If an argument cannot be right, if the array that is there is another one than the one asked for, or
        if there is something that is not ours to remove.
    StoreError
        If the store fails.
    """

    def __init__(
        self,
        path: str,
        target_class: str,
        scale: Mapping[str, float] | Sequence[float],
        bounding_box: Mapping[str, Sequence[float]],
        write_voxel_shape: Mapping[str, int] | Sequence[int],
        scale_level: int = 0,
        axis_order: str = AXES,
        context: Any = None,
        overwrite: bool = False,
        dtype: npt.DTypeLike | torch.dtype = np.float32,
        fill_value: float = 0,
        *,
        resume: bool = False,
        run_id: str | None = None,
        ngff: str = "0.4",
        chunk_shape: Mapping[str, int] | Sequence[int] | None = None,
        channels: int | Sequence[str] | None = None,
        levels: int = 1,
        conversion: Conversion = "exact",
        downsampling: str | None = None,
        origin: Mapping[str, float] | Sequence[float] | None = None,
    ) -> None:
        self.path, self.target_class, self.context = str(path).rstrip("/"), target_class, context
        self.scale_level, self.axis_order, self.overwrite = scale_level, axis_order, overwrite
        self._axes = AxisOrder.of(axis_order, scale)
        self._output = parse_output(
            self._axes,
            path=self.path,
            name=target_class,
            scale=scale,
            bounding_box=bounding_box,
            write_voxel_shape=write_voxel_shape,
            number=scale_level,
            context=context,
            dtype=dtype,
            fill_value=fill_value,
            ngff=ngff,
            chunk_shape=chunk_shape,
            channels=channels,
            levels=levels,
            conversion=conversion,
            origin=origin,
        )
        self._downsampling = downsampling_for(downsampling, self.dtype, conversion)
        self.run_id = run_id or uuid.uuid4().hex
        check_intent(self.array_path, resume=resume, overwrite=overwrite)
        self._array: ZarrWriter | None = None
        self._array = self._output.open(self.run_id, resume=resume, overwrite=overwrite)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_array": None}

    def __repr__(self) -> str:
        voxel = [self.scale[axis] for axis in self._axes.axes]
        return f"ImageWriter({self.path!r}, {self.target_class!r}, {voxel} nm, {self.shape})"

    @property
    def lattice(self) -> Lattice:
        """Where the voxels lie, z y x."""
        return self.layout.lattice

    @property
    def blocks(self) -> Blocks:
        """The array cut into blocks of ``write_voxel_shape``, z y x; those at the upper edges are clipped."""
        return self.layout.blocks

    @property
    def layout(self) -> OutputLayout:
        """What is stored, and how."""
        return self._output.layout

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored values."""
        return self.layout.dtype

    @property
    def fill_value(self) -> float:
        """What is read where nothing was written."""
        return self.layout.fill_value

    @property
    def scale(self) -> dict[str, float]:
        """Voxel size along each axis, nm."""
        return self._by_axis(self.lattice.voxel)

    @property
    def shape(self) -> dict[str, int]:
        """Voxels along each axis."""
        return self._by_axis(self.lattice.shape)

    @property
    def offset(self) -> dict[str, float]:
        """Centre of the first voxel along each axis, nm."""
        return self._by_axis(self.lattice.origin)

    @property
    def bounding_box(self) -> dict[str, tuple[float, float]]:
        """The space that the voxels cover, ``{axis: (lo, hi)}`` in nm."""
        box = self.lattice.bounding_box
        return self._by_axis(list(zip(box.lo, box.hi, strict=True)))

    @property
    def write_voxel_shape(self) -> dict[str, int]:
        """Voxels of a block along each axis."""
        return self._by_axis(self.layout.block)

    @property
    def chunk_shape(self) -> list[int]:
        """Voxels along each axis that are decoded at once."""
        return list(self._by_axis(self.layout.chunk).values())

    @property
    def array_path(self) -> str:
        """Path of the array."""
        return self._output.uri

    @property
    def records(self) -> str:
        """A folder that goes when the array goes, for what is to be noted about it, such as a ledger."""
        return join(self.array_path, RECORDS)

    @property
    def made(self) -> str:
        """What tells the array from one that is made anew in its place; stays the same when it is resumed."""
        return self._output.made()

    @property
    def array(self) -> ZarrWriter:
        """The open array; opened again where it was closed, and in another process."""
        if self._array is None:
            self._array = self._output.open(self.run_id, resume=False, overwrite=False)
        return self._array

    def write(self, box: VoxelBox, values: Any) -> None:
        """Write a box of voxels, and return when it is durable, see :meth:`ZarrWriter.write`.

        Parameters
        ----------
        box : VoxelBox
            z y x; what sticks out of the array is not written.
        values : array or torch.Tensor
            ``[(channels,) z, y, x]``, of the shape of the box, clipped or not.

        Raises
        ------
        ConfigurationError
            If the shape differs, the stored type does not have the values, or the box is none of voxels.
        StoreError
            If the store does not take it, naming block, path and what the store said.
        """
        _check_voxels(box)
        inside = box.clipped(self.lattice.shape)
        if inside.empty:
            return
        given = fitted(as_array(values), self.layout.shape_of(box), self.layout.shape_of(inside))
        if given.shape != self.layout.shape_of(inside):
            given = given[(..., *inside.seen_from(box.lo).slices)]
        stored = converted(given, self.dtype, self.layout.conversion)
        index = self.layout.index(inside)
        self.array.write(
            index, stored.reshape([part.stop - part.start for part in index]), self._named(inside)
        )

    def read(self, box: VoxelBox) -> npt.NDArray[Any]:
        """The stored values of a box, ``[(channels,) z, y, x]``; the fill value outside the array."""
        _check_voxels(box)
        out = np.full(self.layout.shape_of(box), self.fill_value, self.dtype)
        inside = box.clipped(self.lattice.shape)
        if not inside.empty:
            values = self.array.read(self.layout.index(inside))
            out[(..., *inside.seen_from(box.lo).slices)] = values.reshape(self.layout.shape_of(inside))
        return out

    def __setitem__(self, center: Mapping[str, Any], values: Any) -> None:
        """Write a patch of ``write_voxel_shape`` around a place, or a batch of them.

        Parameters
        ----------
        center : mapping
            ``{axis: nm}``, the middle of the space that the patch covers; ``{axis: [nm, ...]}`` for a batch.
        values : array or torch.Tensor
            The patch, with axes as in ``axis_order`` after the channels. Axes of one voxel may be missing.
            What sticks out of the array is not written.

        Raises
        ------
        ConfigurationError, StoreError
            As for :meth:`write`; or if the place lacks a coordinate.
        """
        boxes, batched = self._boxes(center)
        patches = as_array(values)
        if batched and patches.ndim and len(patches) != len(boxes):
            rule = "A batch has a patch for each place."
            raise ConfigurationError(message(rule, expected=len(boxes), got=len(patches)))
        for number, box in enumerate(boxes):
            patch = patches[number] if batched and patches.ndim else patches
            inside = box.clipped(self.lattice.shape)
            whole, clipped = (self._axes.turned_shape(self.layout.shape_of(one)) for one in (box, inside))
            self.write(box, self._axes.to_zyx(fitted(patch, whole, clipped)))

    def __getitem__(self, center: Mapping[str, Any]) -> torch.Tensor:
        """The patch around a place as it is stored now, or a batch of them; the fill value outside."""
        boxes, batched = self._boxes(center)
        patches = [
            torch.from_numpy(np.ascontiguousarray(self._axes.from_zyx(self.read(box)))) for box in boxes
        ]
        return torch.stack(patches) if batched else patches[0]

    def finish(self) -> None:
        """Write the coarser levels, where there are to be any, when all blocks are written.

        It is to be called once, by one process. The levels are listed in the metadata when they are
        complete; called again, it makes them anew.

        Raises
        ------
        StoreError
            If the store fails.
        """
        if self._output.levels > 1:
            write_levels(self._output, self.array, self._downsampling)

    def close(self) -> None:
        """Let go of the array. What was written is there; the next use opens it again."""
        self._array = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _by_axis(self, values: Sequence[Any]) -> dict[str, Any]:
        """One value for each of z, y, x as the user's axes."""
        return {axis: values[AXES.index(axis)] for axis in self._axes.axes}

    def _boxes(self, center: Mapping[str, Any]) -> tuple[list[VoxelBox], bool]:
        """The boxes of the patches around one place or several, and which of the two."""
        check_place(center, self._axes.axes)
        columns = [np.asarray(as_array(center[axis]), float) for axis in self._axes.axes]
        batched = any(column.ndim for column in columns)
        if len({column.shape for column in columns}) > 1 or columns[0].ndim > 1:
            raise ConfigurationError(
                message(
                    "A batch has as many coordinates along one axis as along the other.",
                    got={axis: column.shape for axis, column in zip(self._axes.axes, columns, strict=True)},
                )
            )
        places = np.stack(columns, axis=-1).reshape(-1, len(columns)).tolist()
        return [self._box(dict(zip(self._axes.axes, place, strict=True))) for place in places], batched

    def _box(self, center: Mapping[str, float]) -> VoxelBox:
        check_finite(center)
        lattice, block = self.lattice, self.layout.block
        z, y, x = (
            first_voxel(center[axis], t, s, n) if axis in center else 0
            for axis, t, s, n in zip(AXES, lattice.origin, lattice.voxel, block, strict=True)
        )
        return VoxelBox((z, y, x), (z + block[0], y + block[1], x + block[2]))

    def _named(self, box: VoxelBox) -> str:
        """What to call a box in an error: a block by its number, anything by its voxels."""
        text = ", ".join(f"{part.start}:{part.stop}" for part in box.slices)
        number = self.blocks.number_at(box.lo)
        return f"block {number} [{text}]" if self.blocks[number] == box else f"voxels [{text}]"


def _check_voxels(box: Any) -> None:
    """Refuse what is no box of whole voxels: a place in nm, or a box of floats."""
    if not isinstance(box, VoxelBox) or any(as_count(n, None) is None for n in (*box.lo, *box.hi)):
        rule, expected = "Voxels are counted.", "VoxelBox((z, y, x), (z, y, x)) of ints, from and up to"
        raise ConfigurationError(
            message(rule, expected=expected, got=repr(box), hint="writer[{axis: nm}] takes places")
        )
