"""The image of a class that nobody annotated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from cellmap_data.config import AXES, Pad, in_zyx, parse_arrays

__all__ = ["EmptyImage"]


class EmptyImage:
    """An image that has no voxels: every patch is unknown.

    It stands where a :class:`~cellmap_data.CellMapImage` would and takes the same arguments. Nothing is
    opened, and nothing held but the arguments: a patch is made when it is read.

    Parameters
    ----------
    path : str
        Where the volume would be.
    target_class : str
        The class nobody annotated.
    target_scale : sequence of float
        Voxel size in nm along each axis of ``axis_order``.
    target_voxel_shape : sequence of int
        Voxels of a patch along each axis; two numbers for one plane.
    pad, pad_value, interpolation, value_transform, context, plugins
        As of a :class:`~cellmap_data.CellMapImage`; there is nothing they could act on.
    axis_order : str
        The axes of the arguments, and of the patches.
    device : str or torch.device, optional
        Where patches are put.

    Attributes
    ----------
    bounding_box, sampling_box : None
        It lies nowhere.
    class_counts, total_voxels : int
        0.

    Raises
    ------
    ConfigurationError
        If shape, scale or the order of axes cannot be right.
    """

    bounding_box: None = None
    sampling_box: None = None
    class_counts = 0
    total_voxels = 0
    scale_level = 0

    def __init__(
        self,
        path: str,
        target_class: str,
        target_scale: Sequence[float],
        target_voxel_shape: Sequence[int],
        pad: bool | str = False,
        pad_value: float = math.nan,
        interpolation: str = "nearest",
        axis_order: str = AXES,
        value_transform: Any = None,
        context: Any = None,
        device: str | torch.device | None = None,
        *,
        plugins: Any = None,  # noqa: ARG002 - there is nothing to open
    ) -> None:
        shape, scale = in_zyx(target_voxel_shape, axis_order), in_zyx(target_scale, axis_order)
        parse_arrays({target_class: {"shape": shape, "scale": scale}})
        self.path, self.target_class = str(path), target_class
        self.pad, self.pad_value, self.interpolation = Pad.parse(pad), pad_value, interpolation
        self.axis_order, self.context, self.device = axis_order, context, device
        self.value_transform = value_transform
        self._shape = tuple(int(n) for n in target_voxel_shape)

    def __repr__(self) -> str:
        return f"EmptyImage({self.path!r}, {self.target_class!r}, {self._shape})"

    def __getitem__(self, center: Mapping[str, float]) -> torch.Tensor:
        """A patch of NaN, float32, of the shape asked for; fresh memory each time."""
        return torch.full(self._shape, math.nan, device=self.device or "cpu")

    def get_center(self, idx: int) -> dict[str, float]:
        """There is no position: IndexError."""
        raise IndexError(f"an image without voxels has no position {idx}")

    @property
    def _level_info(self) -> list[tuple[str, dict[str, float], dict[str, float]]]:
        """No level."""
        return []
