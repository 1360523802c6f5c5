"""A 3-D U-Net small enough to learn on two cores in two minutes.

Çiçek et al., "3D U-Net: learning dense volumetric segmentation from sparse annotation", MICCAI 2016.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["UNet"]


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two 3 x 3 x 3 convolutions, each normalised over the batch.

    Normalising within a sample would make the result depend on how much of a volume is predicted at once.
    """
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm3d(channels_out),
        nn.ReLU(inplace=True),
        nn.Conv3d(channels_out, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm3d(channels_out),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Maps raw [B, 1, Z, Y, X] to logits [B, classes, Z, Y, X], float32.

    Each of the ``depth`` halvings doubles the number of features; Z, Y and X must divide by 2 ** depth.
    Features of half the resolution have a head of their own, which learns from coarser labels (Lee et al.,
    "Deeply-supervised nets", AISTATS 2015).
    """

    def __init__(self, classes: int, width: int = 8, depth: int = 2) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(_block(a, b) for a, b in pairwise([1, *widths]))
        self.up = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(_block(2 * a, a) for a in widths[:-1])
        self.pool = nn.MaxPool3d(2)
        self.head = nn.Conv3d(width, classes, 1)
        self.coarse_head = nn.Conv3d(2 * width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of every class at every voxel."""
        fine, _ = self.features(x)
        return self.head(fine)  # type: ignore[no-any-return]

    def both_scales(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and logits on voxels of twice the size, [B, classes, Z / 2, Y / 2, X / 2]."""
        fine, coarse = self.features(x)
        return self.head(fine), self.coarse_head(coarse)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the heads see: at the resolution of ``x`` and at half of it."""
        skips = []
        for block in self.down[:-1]:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.down[-1](x)
        coarse = x
        for skip, narrow, block in zip(skips[::-1], self.up[::-1], self.merge[::-1], strict=True):
            coarse = x  # at last: what is one step from the finest
            # Narrowing before enlarging gives the same result and works on an eighth of the voxels.
            x = nn.functional.interpolate(narrow(x), scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skip], dim=1))
        return x, coarse
