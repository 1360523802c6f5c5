"""Metadata of multiscale volumes as NGFF 0.4 has it, and which level has a voxel size."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import CellMapImage
from cellmap_data.spatial import AXES

Attributes: TypeAlias = dict[str, Any]
"""The attributes of a group, ``{"multiscales": [...]}``."""

_KINDS = {"c": "channel", "t": "time"}
_VOXELS = 1_000  # a patch that long tells voxel sizes apart that differ by more than 1 in 100,000


def generate_base_multiscales_metadata(
    ds_name: str,
    scale_level: int,
    voxel_size: Sequence[float],
    translation: Sequence[float],
    units: str,
    axes: Sequence[str],
) -> Attributes:
    """Make the attributes of a multiscale group of one level.

    Parameters
    ----------
    ds_name : str
        Name of the volume. Of a path, what follows the last ``.zarr``; of the path of a store, its file name.
    scale_level : int
        The level is stored at ``s<scale_level>``.
    voxel_size, translation : sequence of float
        Along each axis, in ``units``: the size of a voxel, and the centre of the first one.
    units : str
        Of the space axes, such as "nanometer".
    axes : sequence of str
        Names of the axes in the order in which the array has them; "c" is a channel and "t" time.

    Returns
    -------
    dict
        ``{"multiscales": [...]}``, NGFF 0.4.

    Raises
    ------
    ConfigurationError
        If there is not one voxel size and one translation for each axis.
    """
    if not len(voxel_size) == len(translation) == len(axes):
        raise ConfigurationError(
            message(
                "Each axis has a voxel size and a translation.",
                expected=f"{len(axes)} of each, for the axes {list(axes)}",
                got=f"voxel_size {list(voxel_size)}, translation {list(translation)}",
            )
        )
    multiscale = {
        "axes": [_axis(name, units) for name in axes],
        "coordinateTransformations": [{"type": "scale", "scale": [1.0] * len(axes)}],
        "datasets": [_dataset(scale_level, voxel_size, translation)],
        "name": _name(ds_name),
        "version": "0.4",
    }
    return {"multiscales": [multiscale]}


def add_multiscale_metadata_levels(
    multsc: Attributes, base_scale_level: int, levels_to_add: int
) -> Attributes:
    """Add levels, each with voxels twice as large along space as those of the level before.

    A voxel of a level is the mean of two from the level before along each axis, so the centre of its first
    voxel lies half a voxel of that level further up.

    Parameters
    ----------
    multsc : dict
        ``{"multiscales": [...]}``; it is changed.
    base_scale_level : int
        The level ``s<base_scale_level>``, which is there, is the one to start from.
    levels_to_add : int
        How many to add after it.

    Returns
    -------
    dict
        ``multsc``.

    Raises
    ------
    ConfigurationError
        If the level to start from is not there, or has no scale.
    """
    multiscale = multsc["multiscales"][0]
    scale, translation = _place(multiscale["datasets"], f"s{base_scale_level}")
    doubled = [axis.get("type", "space") == "space" for axis in multiscale["axes"]]
    for step in range(1, levels_to_add + 1):
        factors = [2**step if space else 1 for space in doubled]
        sizes = [size * factor for size, factor in zip(scale, factors, strict=True)]
        centres = [t + (f - 1) / 2 * s for t, f, s in zip(translation, factors, scale, strict=True)]
        multiscale["datasets"].append(_dataset(base_scale_level + step, sizes, centres))
    return multsc


def create_multiscale_metadata(
    ds_name: str,
    voxel_size: Sequence[float],
    translation: Sequence[float],
    units: str,
    axes: Sequence[str],
    base_scale_level: int = 0,
    levels_to_add: int = 0,
    out_path: str | os.PathLike[str] | None = None,
) -> Attributes:
    """Make the attributes of a multiscale group, and write them where a path is given.

    Parameters
    ----------
    ds_name, voxel_size, translation, units, axes
        As for :func:`generate_base_multiscales_metadata`.
    base_scale_level : int
        Number of the first level.
    levels_to_add : int
        How many levels to add, as :func:`add_multiscale_metadata_levels` does.
    out_path : str or path-like, optional
        The file to write, such as ``volume.zarr/.zattrs``.

    Returns
    -------
    dict
        ``{"multiscales": [...]}``.

    Raises
    ------
    ConfigurationError
        If there is not one voxel size and one translation for each axis.
    """
    attributes = generate_base_multiscales_metadata(
        ds_name, base_scale_level, voxel_size, translation, units, axes
    )
    add_multiscale_metadata_levels(attributes, base_scale_level, levels_to_add)
    if out_path is not None:
        write_metadata(attributes, out_path)
    return attributes


def write_metadata(z_attrs: Mapping[str, Any], out_path: str | os.PathLike[str]) -> None:
    """Write attributes as JSON; a file that is there is replaced.

    Parameters
    ----------
    z_attrs : mapping
        The attributes.
    out_path : str or path-like
        The file, in a folder that is there.
    """
    Path(out_path).write_text(json.dumps(z_attrs, indent=4), encoding="utf-8")


def find_level(path: str, target_scale: Mapping[str, float]) -> str:
    """The level from which patches of a voxel size are read.

    Parameters
    ----------
    path : str
        A multiscale group.
    target_scale : mapping
        ``{axis: nm}`` for z, y, x, or for y and x.

    Returns
    -------
    str
        Path of the array within the group: the coarsest level that is not coarser than asked for along any
        axis, the finest where all are.

    Raises
    ------
    ConfigurationError
        If the axes are others, or a size is not above 0.
    StoreNotFoundError, MetadataError
        If there is no multiscale volume.
    """
    axes = [axis for axis in AXES if axis in target_scale]
    if set(target_scale) - set(AXES) or not {"y", "x"} <= set(axes):
        raise ConfigurationError(
            message(
                "A voxel size has a number for each axis.",
                expected="the axes z, y, x, or y, x",
                got=sorted(target_scale),
            )
        )
    image = CellMapImage(path, "level", [target_scale[axis] for axis in axes], [_VOXELS] * len(axes))
    return image.volume.levels[image.scale_level].path


def _axis(name: str, units: str) -> dict[str, str]:
    kind = _KINDS.get(name.lower(), "space")
    return {"name": name, "type": kind} | ({"unit": units} if kind == "space" else {})


def _name(ds_name: str) -> str:
    *before, after = re.split(r"\.zarr(?=/|$)", ds_name)
    return after if after or not before else before[-1].rpartition("/")[2]


def _dataset(level: int, scale: Sequence[float], translation: Sequence[float]) -> dict[str, Any]:
    transformations = [
        {"type": "scale", "scale": [float(size) for size in scale]},
        {"type": "translation", "translation": [float(centre) for centre in translation]},
    ]
    return {"coordinateTransformations": transformations, "path": f"s{level}"}


def _place(datasets: Sequence[Mapping[str, Any]], path: str) -> tuple[list[float], list[float]]:
    """Scale and translation of one of the levels."""
    steps: Sequence[Mapping[str, Any]] = next(
        (level["coordinateTransformations"] for level in datasets if level["path"] == path), []
    )
    found = {step["type"]: step[step["type"]] for step in steps}
    if "scale" not in found:
        raise ConfigurationError(
            message(
                "There is no such level to start from.",
                expected=f"{path} with a scale",
                got=[level["path"] for level in datasets],
            )
        )
    return found["scale"], found.get("translation", [0.0] * len(found["scale"]))
