"""One volume, or one class of labels, read patch by patch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch

from cellmap_data.config import Pad, axes_of, check_finite, check_place, in_zyx, parse_arrays, whole_number
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image.boxes import box_by_axis
from cellmap_data.image.counting import Labels, count_labels
from cellmap_data.image.reading import start_read
from cellmap_data.image.stored import StoredImage, lattices_of, read_multiscale
from cellmap_data.image.values import ValueCallable, in_a_row
from cellmap_data.ngff import Multiscale
from cellmap_data.spatial import AXES, Grid, Motion, Vec, sampling_grid
from cellmap_data.storage import ArrayReader, OpenArray, describe_array, open_array


class CellMapImage:
    """A multiscale volume seen in voxels of one size.

    Making one opens nothing; the metadata is read when it is first needed, the array by the first read in
    each process. Many threads may use it at once, and it is pickled as what it takes to open it again.

    Parameters
    ----------
    path : str
        A multiscale group, OME-Zarr 0.4 or 0.5: a local path, ``s3://``, ``gs://`` or ``http(s)://``.
    target_class : str
        A name for what the volume shows.
    target_scale : sequence of float
        Voxel size in nm along each axis of ``axis_order``. Two numbers, with a 2-D shape, leave the voxel
        size along z as it is stored.
    target_voxel_shape : sequence of int
        Voxels of a patch along each axis; two numbers for one plane.
    pad : bool or Pad
        Whether a volume smaller than a patch has a position: :class:`~cellmap_data.config.Pad` tells more.
    pad_value : float
        What lies outside the volume.
    interpolation : {"nearest", "linear"}
        How voxels are made where the voxel size asked for is not stored. "linear" averages voxels to larger
        ones.
    axis_order : str
        The axes of the arguments, and of the patches.
    value_transform : callable or sequence of callables, optional
        Applied to each patch in its stored dtype; what lies outside is filled in afterwards.
    context : object, optional
        Handed on to plugins that open arrays. A mapping may say how to reach the store, see
        :mod:`cellmap_data.storage.access`.
    device : str or torch.device, optional
        Where patches are put.
    plugins : object, optional
        Whose ``open_array(uri=, context=)`` is asked for a reader first.

    Raises
    ------
    ConfigurationError
        If shape, scale or the order of axes cannot be right.
    """

    def __init__(
        self,
        path: str,
        target_class: str,
        target_scale: Sequence[float],
        target_voxel_shape: Sequence[int],
        pad: bool | str = False,
        pad_value: float = math.nan,
        interpolation: Literal["nearest", "linear"] = "nearest",
        axis_order: str = AXES,
        value_transform: ValueCallable | Sequence[ValueCallable] | None = None,
        context: Any = None,
        device: str | torch.device | None = None,
        *,
        plugins: OpenArray | None = None,
    ) -> None:
        if interpolation not in ("nearest", "linear"):
            raise ConfigurationError(
                message("Unknown interpolation.", expected="'nearest' or 'linear'", got=repr(interpolation))
            )
        self.path, self.target_class = str(path), target_class
        self.pad, self.pad_value, self.interpolation = Pad.parse(pad), pad_value, interpolation
        self.axis_order, self.context, self.device, self.plugins = axis_order, context, device, plugins
        self._transforms = in_a_row(value_transform)
        self._axes = axes_of(axis_order, len(target_voxel_shape))
        arrays = {
            target_class: {
                "shape": in_zyx(target_voxel_shape, axis_order),
                "scale": in_zyx(target_scale, axis_order),
            }
        }
        self._spec = parse_arrays(arrays)[0][0]
        self._reader: ArrayReader | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}

    def __repr__(self) -> str:
        return f"CellMapImage({self.path!r}, {self.target_class!r}, {self._spec.voxel}, {self._spec.shape})"

    def __getitem__(self, center: Mapping[str, float]) -> torch.Tensor:
        """The patch around a place.

        Parameters
        ----------
        center : mapping
            ``{axis: nm}``, the middle of the space the patch covers. A place between voxels is moved to the
            nearest one where the voxel size asked for is stored.

        Returns
        -------
        torch.Tensor
            Of the shape asked for; float32, or float64 for stored 32- and 64-bit integers that are not
            interpolated. A value transform decides for itself.

        Raises
        ------
        ConfigurationError
            If the place lacks a coordinate along a stored axis.
        StoreError
            If the volume cannot be read.
        """
        linear, transforms = self.interpolation == "linear", self._transforms
        plan = self.stored.plan(self._place(center), Motion.identity(), snap=True, average=linear)
        dtype = self.stored.dtype if transforms else value_dtype([self.stored.dtype], exact=not linear)
        patch = np.empty(self._spec.shape, dtype)
        fill = 0 if transforms else self.pad_value
        start_read(self.reader, self.stored.axes, plan, patch, linear=linear, fill=fill).result()
        values = torch.from_numpy(patch)
        for transform in transforms:
            values = transform(values)
        if transforms and values.is_floating_point() and values.shape == patch.shape:
            plan.fill_missing(values.numpy(), self.pad_value)
        return self._as_asked(values).to(self.device or "cpu")

    @cached_property
    def volume(self) -> Multiscale:
        """The metadata of the volume."""
        return read_multiscale(self.path, hooks=self.plugins, context=self.context)

    @cached_property
    def stored(self) -> StoredImage:
        """The level that patches are read from."""
        return StoredImage.choose(
            self.volume,
            self._spec,
            bool(self.pad),
            lambda uri: describe_array(uri, hooks=self.plugins, context=self.context),
        )

    @property
    def reader(self) -> ArrayReader:
        """The open array."""
        if self._reader is None:
            self._reader = open_array(self.stored.uri, hooks=self.plugins, context=self.context)
        return self._reader

    @cached_property
    def grid(self) -> Grid:
        """The positions a patch may have."""
        return sampling_grid([self.stored.source])

    @property
    def scale_level(self) -> int:
        """Index of the level that patches are read from."""
        return self.stored.level

    @property
    def bounding_box(self) -> dict[str, tuple[float, float]] | None:
        """The space the volume covers, ``{axis: (lo, hi)}`` in nm."""
        return box_by_axis(self.stored.source.lattice.bounding_box)

    @property
    def sampling_box(self) -> dict[str, tuple[float, float]] | None:
        """Where centres may lie, both ends included, ``{axis: (lo, hi)}`` in nm; None where no patch fits."""
        return box_by_axis(self.grid.sampling_box)

    @property
    def total_voxels(self) -> int:
        """The number of voxels of the level that patches are read from."""
        return math.prod(self.stored.source.lattice.shape)

    @cached_property
    def class_counts(self) -> int:
        """The number of voxels, of the level that patches are read from, that show the class: more than 0.

        From the volume's annotation metadata or the user's cache; else the level is read, once.
        """
        return next(iter(count_labels([self.labels]).values())).positive

    @property
    def labels(self) -> Labels:
        """The volume as something to count."""
        open_level = partial(open_array, hooks=self.plugins, context=self.context)
        return Labels(self.path, self.stored, open_level, self.context)

    def get_center(self, idx: int) -> dict[str, float]:
        """The centre of a position, ``{axis: nm}``; IndexError where there is none."""
        return dict(zip(AXES, self.grid.centre(whole_number(idx)), strict=True))

    def _place(self, center: Mapping[str, float]) -> Vec:
        """A place in z, y, x order; an axis that is not stored needs no coordinate."""
        stored = [AXES[axis] for axis in self.stored.axes.order if axis is not None]
        check_place(center, stored)
        place = {axis: center.get(axis, 0.0) for axis in AXES}
        check_finite(place)
        return float(place["z"]), float(place["y"]), float(place["x"])

    def _as_asked(self, values: torch.Tensor) -> torch.Tensor:
        """A patch with the axes of ``axis_order``; what a transform gave another shape stays as it is."""
        if values.ndim != len(AXES):
            return values
        values = values if "z" in self._axes else values[0]
        stored = [axis for axis in AXES if axis in self._axes]
        return values.permute([stored.index(axis) for axis in self._axes])

    @property
    def _level_info(self) -> list[tuple[str, dict[str, float], dict[str, float]]]:
        """Path, voxel size and origin of each level: read by tools that grew up with earlier releases."""
        lattices = lattices_of(self.volume, absent=self._spec.voxel[0] or 1.0)
        return [
            (
                level.path,
                dict(zip(AXES, lattice.voxel, strict=True)),
                dict(zip(AXES, lattice.origin, strict=True)),
            )
            for level, lattice in zip(self.volume.levels, lattices, strict=True)
        ]


def value_dtype(stored: Sequence[np.dtype[Any]], *, exact: bool) -> np.dtype[Any]:
    """The float type for stored values: float32, but float64 for exact values of 32- and 64-bit integers."""
    wide = exact and any(dtype.kind in "iu" and dtype.itemsize >= 4 for dtype in stored)
    return np.dtype(np.float64 if wide else np.float32)
