"""What users say of an output, checked once and turned into frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cellmap_data.config import as_range, check_finite, counted, named, raise_faults
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer.conversion import Conversion, check_conversion, converted
from cellmap_data.image_writer.group import OutputGroup
from cellmap_data.image_writer.layout import AxisOrder, OutputLayout
from cellmap_data.image_writer.output import Output
from cellmap_data.spatial import Box, Lattice

_ABSENT = 1.0  # nm: the thickness of a volume without z, which is stored nowhere


def parse_output(
    axes: AxisOrder,
    *,
    path: str,
    name: str,
    number: int,
    scale: Mapping[str, float] | Sequence[float],
    bounding_box: Mapping[str, Sequence[float]],
    origin: Mapping[str, float] | Sequence[float] | None,
    write_voxel_shape: Mapping[str, int] | Sequence[int],
    chunk_shape: Mapping[str, int] | Sequence[int] | None,
    channels: int | Sequence[str] | None,
    dtype: Any,
    fill_value: float,
    conversion: Conversion,
    ngff: str,
    levels: int,
    context: Any,
) -> Output:
    """The output that the arguments of :class:`~cellmap_data.ImageWriter` describe.

    Raises
    ------
    ConfigurationError
        If one of them cannot be right.
    """
    check_conversion(conversion)
    block = axes.shape(axes.by_axis("The shape of a block", write_voxel_shape, absent=1))
    chunk = (
        block
        if chunk_shape is None
        else axes.shape(axes.by_axis("The shape of a chunk", chunk_shape, absent=1))
    )
    levels, number = counted("levels", levels, 1), counted("scale_level", number)
    if min(*block, *chunk) < 1:
        raise ConfigurationError(
            message(
                "The voxels of blocks and chunks are counted from 1.",
                expected="at least 1",
                got=f"write_voxel_shape {block}, chunk_shape {chunk}",
            )
        )
    stored = _dtype(dtype)
    layout = OutputLayout(
        axes=axes.stored,
        lattice=_lattice(axes, scale, bounding_box, origin),
        block=block,
        chunk=chunk,
        channels=_count(channels),
        dtype=stored,
        fill_value=_fill_value(fill_value, stored),
        conversion=conversion,
        version=ngff,
    )
    names = tuple(map(str, channels)) if isinstance(channels, Sequence) else ()
    group = OutputGroup(path, name, ngff, layout.stored_axes, names, context)
    return Output(group, number, layout, levels)


def _lattice(
    axes: AxisOrder,
    scale: Mapping[str, float] | Sequence[float],
    bounding_box: Mapping[str, Sequence[float]],
    origin: Mapping[str, float] | Sequence[float] | None,
) -> Lattice:
    voxel = axes.vec(axes.by_axis("A voxel size", scale), _ABSENT)
    edges = axes.by_axis("A bounding box", bounding_box)
    box = _box(axes, edges)
    through = None
    if origin is not None:
        places = axes.by_axis("An origin", origin)
        check_finite(places, "An origin is a place in nm.")
        through = axes.vec(places, 0.0)
    lattice = Lattice.inside(box, voxel, through)
    if 0 in lattice.shape:
        raise ConfigurationError(
            message(
                "There is no voxel to write.", expected=f"a box that holds voxels of {voxel} nm", got=edges
            )
        )
    return lattice


def _box(axes: AxisOrder, edges: Mapping[str, Any]) -> Box:
    """The space to write; ConfigurationError, listing every axis, where it is none."""
    ranges = {axis: as_range(edge) for axis, edge in edges.items()}
    faults = [
        f"bounding_box[{axis!r}]: expected (lo, hi) in nm, finite, lo < hi, got {edges[axis]!r}"
        for axis, found in ranges.items()
        if found is None
    ]
    raise_faults(ConfigurationError, "There is no voxel to write.", faults)
    los, his = ({axis: found[side] for axis, found in ranges.items() if found} for side in (0, 1))
    return Box(axes.vec(los, 0.0), axes.vec(his, _ABSENT))


def _count(channels: int | Sequence[str] | None) -> int | None:
    if channels is None:
        return None
    if isinstance(channels, Sequence) and not isinstance(channels, str) and channels:
        return len(channels)
    return counted("The number of channels", channels, 1, hint="or give their names, in a list")


def _fill_value(fill_value: Any, stored: np.dtype[Any]) -> Any:
    given = np.asarray(fill_value)
    if given.ndim or given.dtype.kind not in "biuf":
        rule = "What is read where nothing was written is a number."
        raise ConfigurationError(message(rule, expected=f"a value of {stored}", got=named(fill_value)))
    return converted(given, stored, "exact").item()


def _dtype(dtype: Any) -> np.dtype[Any]:
    """A type of numbers by any name that numpy or torch has for it, in the byte order of this machine."""
    name = str(dtype)
    try:
        found = np.dtype(name.removeprefix("torch.") if name.startswith("torch.") else dtype)
    except TypeError as error:
        raise ConfigurationError(message("There is no such type of numbers.", got=repr(dtype))) from error
    if found.kind not in "biuf":
        raise ConfigurationError(
            message("Only numbers can be stored.", expected="bool, integers or floats", got=found)
        )
    return found.newbyteorder("=")
