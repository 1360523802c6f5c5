"""Smooths noisy volumes before anything else is done to a sample."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import torch
from pydantic import BaseModel, Field
from torch.nn.functional import conv3d, pad

from cellmap_data.hookspecs import hookimpl

__all__ = ["Denoise", "DenoiseOptions"]


class DenoiseOptions(BaseModel):
    """What a user may choose.

    Attributes
    ----------
    radius
        Voxels on each side that have a part in the mean.
    arrays
        Names of the arrays to smooth.
    """

    radius: int = Field(1, ge=1, le=4)
    arrays: tuple[str, ...] = ("raw",)


class Denoise:
    """Takes the weighted mean of the neighbours of each voxel."""

    options_model = DenoiseOptions
    before = "augmentation"
    """What augmentation adds on purpose shall stay."""

    def __init__(self, radius: int, arrays: tuple[str, ...]) -> None:
        self.radius, self.arrays = radius, arrays
        self._kernel: torch.Tensor | None = None

    @hookimpl
    def setup_worker(self) -> None:
        """Make the kernel before the first sample is waited for."""
        self._kernel = gaussian(self.radius)

    @hookimpl
    def post_sample(self, sample: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Smooth the arrays, [C, Z, Y, X] of float32, in place."""
        for name in self.arrays:
            if name not in sample:
                raise ValueError(f"there is no array {name!r} to denoise")
            sample[name].copy_(self.smoothed(sample[name]))
        return sample

    def smoothed(self, patch: torch.Tensor) -> torch.Tensor:
        """The mean of each channel, [C, Z, Y, X]."""
        if self._kernel is None:  # without workers nobody is set up
            self._kernel = gaussian(self.radius)
        padded = pad(patch[:, None], [self.radius] * 6, mode="replicate")
        return conv3d(padded, self._kernel[None, None])[:, 0]


def gaussian(radius: int) -> torch.Tensor:
    """A cube of weights, 2 * radius + 1 voxels long, whose sum is 1."""
    distance = torch.arange(-radius, radius + 1) / radius
    weights = torch.exp(-(distance**2) / 2)
    weights /= weights.sum()
    return weights[:, None, None] * weights[:, None] * weights
