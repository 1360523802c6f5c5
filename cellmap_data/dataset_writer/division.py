"""Divide a prediction: what a user asks for, as regions and tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from cellmap_data.dataset_writer.executors import Executor
from cellmap_data.dataset_writer.regions import Work, region_shape
from cellmap_data.dataset_writer.work_tiles import turned
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial import AXES, Shape, Tiles, round_down, same_voxel_size

if TYPE_CHECKING:
    from cellmap_data.dataset_writer.writer import CellMapDatasetWriter

Overlap: TypeAlias = float | Sequence[float]
"""Voxels (int) or a share of the patch (float), for all axes or one for each of z, y, x."""

_TURNS: Mapping[str, Shape] = {"z": (0, 1, 2), "y": (1, 0, 2), "x": (1, 2, 0)}
"""Along which axis of a plane (1, H, W) each of z, y, x runs when the plane lies across an axis."""


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """How an output is predicted; see :meth:`CellMapDatasetWriter.predict`."""

    batch_size: int
    overlap: Overlap
    blend: str
    window_bytes: int
    planes: Sequence[str] | None
    device: str | torch.device | None
    share: tuple[int, int]
    executor: Executor | None
    at_once: int | None
    retries: int
    progress: bool
    loader: Mapping[str, Any]


def divide(writer: CellMapDatasetWriter, turns: Sequence[Shape], options: PredictOptions) -> Work:
    """The regions of an output and the tiles that they need; ``turns`` as of :func:`turns_of`.

    Raises
    ------
    ConfigurationError
        If the overlap, the planes or the window cannot be right.
    """
    frame, outputs = writer.geometry.frame, writer.geometry.outputs
    if options.planes is not None:
        _check_planes(writer)
    overlap = frame.overlap(_overlap(options.overlap, frame.patch))
    planes = tuple(
        Tiles(frame.lattice.shape, turned(frame.patch, turn), turned(overlap, turn)) for turn in turns
    )
    blended = len(planes) > 1 or any(overlap)
    sizes = [math.prod(frame.lattice.voxel) / math.prod(output.lattice.voxel) for output in outputs]
    voxel_bytes = sum(
        size * 4 * (len(writer.classes) * (output.channels or 1) + blended)
        for size, output in zip(sizes, outputs, strict=True)
    )
    unit = _unit(writer)
    needed = voxel_bytes * math.prod(min(u, n) for u, n in zip(unit, frame.lattice.shape, strict=True))
    if needed > options.window_bytes:
        raise ConfigurationError(
            message(
                "The window must hold what is written at once.",
                expected=f"window_bytes >= {math.ceil(needed)} for blocks of {unit} voxels",
                got=options.window_bytes,
                hint="a larger window_bytes, or a smaller block_shape of the writer",
            )
        )
    return Work(frame, planes, region_shape(planes, unit, voxel_bytes, options.window_bytes))


def _unit(writer: CellMapDatasetWriter) -> Shape:
    """What is written as one, in voxels of the frame: whole blocks of every output where they fit."""
    frame, unit = writer.geometry.frame, [1, 1, 1]
    for output in writer.geometry.outputs:
        block = next(iter(writer.stores.writers[output.name].values())).layout.block
        for axis in range(3):
            ratio = output.lattice.voxel[axis] / frame.lattice.voxel[axis]
            if same_voxel_size(ratio, round(ratio), block[axis]):
                unit[axis] = math.lcm(unit[axis], block[axis] * round(ratio))
    return unit[0], unit[1], unit[2]


def _overlap(overlap: Overlap, patch: Shape) -> Shape:
    """The overlap in voxels; none along an axis of one voxel."""
    given = list(overlap) if isinstance(overlap, Sequence) else [overlap] * 3
    if len(given) != 3 or not all(
        isinstance(o, Real) and (0 <= o < (p if isinstance(o, Integral) else 1) or p == 1)
        for o, p in zip(given, patch, strict=False)
    ):
        raise ConfigurationError(
            message(
                "Tiles may overlap by less than a patch.",
                expected=f"voxels (int), 0 <= overlap < {patch}, or a share (float), 0 <= overlap < 1",
                got=overlap,
            )
        )
    z, y, x = (
        0 if p == 1 else int(o) if isinstance(o, Integral) else round_down(o * p)
        for o, p in zip(given, patch, strict=True)
    )
    return z, y, x


def turns_of(planes: Sequence[str] | None) -> tuple[Shape, ...]:
    """How the patch lies across each of some axes; ConfigurationError for what are no axes."""
    wanted = ("z",) if planes is None else tuple(planes)
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(_TURNS):
        raise ConfigurationError(
            message("Planes lie across axes.", expected='some of "z", "y", "x", each once', got=planes)
        )
    return tuple(_TURNS[axis] for axis in wanted)


def _check_planes(writer: CellMapDatasetWriter) -> None:
    """Refuse what cannot be predicted in planes across several axes."""
    sources = [image.source for image in writer.layout.inputs]
    patches = [(source.patch.shape, source.patch.voxel) for source in sources]
    patches += [(output.patch.shape, output.patch.voxel) for output in writer.geometry.outputs]
    for shape, voxel in patches:
        if shape[0] != 1 or not all(same_voxel_size(s, voxel[0], max(shape)) for s in voxel):
            raise ConfigurationError(
                message(
                    "Planes across several axes show voxels of one size.",
                    expected="shapes (1, H, W) and the same scale along z, y and x",
                    got=f"shape {shape}, scale {voxel} nm",
                    hint=f"raw may be stored otherwise: along {AXES[0]} it is interpolated",
                )
            )
