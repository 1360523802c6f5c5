"""Which stored array serves a request, and where its voxels lie."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cellmap_data.config import ArraySpec, raise_together
from cellmap_data.errors import StoreError
from cellmap_data.image.axes import StoredAxes
from cellmap_data.image.faults import array_faults
from cellmap_data.ngff import Axis, Level, Multiscale, parse_multiscale
from cellmap_data.spatial import (
    Lattice,
    Motion,
    PatchSpec,
    ReadPlan,
    Shape,
    Source,
    Vec,
    choose_level,
    plan_read,
    same_voxel_size,
)
from cellmap_data.storage import ArrayInfo, OpenArray, describe_array, describe_group, join

_ANY_SHAPE = (0, 0, 0)  # of no interest to the choice of a level, and reading it would open every level


def read_multiscale(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> Multiscale:
    """Read the metadata of the multiscale group at ``uri``; opens no array.

    Parameters
    ----------
    uri : str
        Path of the group.
    hooks, context : object, optional
        Who is asked first, and how to reach the store; see :func:`cellmap_data.storage.open_array`.

    Raises
    ------
    StoreNotFoundError
        If there is no such group.
    StoreError
        If the store does not say.
    MetadataError
        If it is no multiscale volume, listing everything that is wrong.

    Warns
    -----
    FormatWarning
        If it departs from OME-NGFF in ways that can be read.
    """

    def describe(place: str) -> ArrayInfo:
        return describe_array(place, hooks=hooks, context=context)

    def more(paths: Sequence[str], ndim: int) -> list[str]:
        axes = StoredAxes((0,) * ndim) if ndim else None  # which they are makes no difference to their number
        return [str(fault) for fault in array_faults(uri, paths, axes, describe)]

    return parse_multiscale(uri, describe_group(uri, hooks=hooks, context=context), more)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The level of a multiscale volume from which one array of a sample is read.

    Attributes
    ----------
    uri : str
        Path of the array.
    level : int
        Which of the volume's levels it is.
    axes : StoredAxes
        How its axes lie.
    source : Source
        Its lattice in z, y, x and nm, and the patch asked of it.
    info : ArrayInfo
        What the array says about itself.
    """

    uri: str
    level: int
    axes: StoredAxes
    source: Source
    info: ArrayInfo

    @classmethod
    def choose(
        cls, volume: Multiscale, spec: ArraySpec, pad: bool, describe: Callable[[str], ArrayInfo]
    ) -> StoredImage:
        """Choose the level of a volume that serves an array.

        Parameters
        ----------
        volume : Multiscale
            The volume.
        spec : ArraySpec
            What is asked for.
        pad : bool
            Whether patches may stick out.
        describe : callable
            Gives shape and type of the array at a path; asked once, for the level that was chosen.

        Raises
        ------
        StoreError
            If the array is missing or does not have the axes of the volume; then the other levels are
            looked at too, and everything that is wrong is listed.
        """
        level, axes, lattice, patch = _serving(volume.axes, volume.levels, spec)
        uri = join(volume.uri, volume.levels[level].path)
        try:
            info = describe(uri)
            axes.check(uri, info.shape)
        except StoreError:
            faults = array_faults(volume.uri, [one.path for one in volume.levels], axes, describe)
            raise_together(faults, "The arrays of a volume cannot be used.", place=volume.uri)
            raise
        lattice = replace(lattice, shape=axes.spatial(info.shape, 1))
        return cls(uri, level, axes, Source(lattice, patch, pad), info)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the stored values."""
        return self.info.dtype

    @property
    def chunks(self) -> Shape | None:
        """Voxels along z, y, x that are decoded as a whole; None where that is not known."""
        return None if self.info.chunks is None else self.axes.spatial(self.info.chunks, 1)

    @property
    def bytes_per_voxel(self) -> int:
        """Bytes that are decoded for a voxel, with those of the channels and times stored beside it."""
        beside = (self.info.chunks[axis] for axis in self.axes.others) if self.info.chunks else ()
        return self.dtype.itemsize * math.prod(beside)

    @property
    def upsampled(self) -> bool:
        """Whether finer voxels are asked for than are stored."""
        patch = self.source.patch
        sizes = zip(patch.voxel, self.source.lattice.voxel, patch.shape, strict=True)
        return any(v < s and not same_voxel_size(v, s, n) for v, s, n in sizes)

    def plan(self, centre: Vec, motion: Motion, *, snap: bool, average: bool) -> ReadPlan:
        """How to read the patch at ``centre`` (nm), moved by ``motion``; the rest as in :func:`plan_read`."""
        return plan_read(self.source.lattice, self.source.patch, centre, motion, snap=snap, average=average)


def lattices_of(volume: Multiscale, absent: float = 1.0) -> list[Lattice]:
    """Where the voxels of each level lie; the number of voxels is left open.

    ``absent`` is the voxel size (nm) along z of a volume without z.
    """
    axes = StoredAxes.of(volume.axes)
    return [
        Lattice(axes.vec(level.translation, 0.0), axes.vec(level.scale, absent), _ANY_SHAPE)
        for level in volume.levels
    ]


@functools.lru_cache(256)  # the classes of a crop mostly lie alike
def _serving(
    axes: tuple[Axis, ...], levels: tuple[Level, ...], spec: ArraySpec
) -> tuple[int, StoredAxes, Lattice, PatchSpec]:
    """The level that serves an array, how its axes and its voxels lie, and the patch."""
    lattices = lattices_of(Multiscale("", axes, levels), absent=spec.voxel[0] or 1.0)
    level, patch = _choose(lattices, spec)
    return level, StoredAxes.of(axes), lattices[level], patch


def _choose(lattices: Sequence[Lattice], spec: ArraySpec) -> tuple[int, PatchSpec]:
    """The level, and the patch with the voxel size along z that "as stored" stands for."""
    z, y, x = spec.voxel
    if z is not None:
        patch = PatchSpec(spec.shape, (z, y, x))
        return choose_level(lattices, patch), patch
    flat = [replace(lattice, voxel=(1.0, *lattice.voxel[1:])) for lattice in lattices]
    level = choose_level(flat, PatchSpec(spec.shape, (1.0, y, x)))
    return level, PatchSpec(spec.shape, (lattices[level].voxel[0], y, x))
