"""Models that are functions of a voxel's value and its neighbours, and what they are asked for."""

from __future__ import annotations

import torch

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
LARGE = {"shape": (12, 12, 12), "scale": (8, 8, 8)}


def same(x: torch.Tensor) -> torch.Tensor:
    """What was read."""
    return x


def double(x: torch.Tensor) -> torch.Tensor:
    """Twice what was read."""
    return 2 * x


def tilted(x: torch.Tensor) -> torch.Tensor:
    """What depends on where in its patch a voxel lies, as what real models give does near borders."""
    place = torch.arange(x.shape[-1], dtype=torch.float32)
    return x + place + 10 * place[:, None] + 100 * place[:, None, None]


class Valid(torch.nn.Module):
    """A convolution without padding: the mean of 5 x 5 x 5 voxels, four fewer along each axis."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv3d(1, 1, 5, bias=False)
        self.drop = torch.nn.Dropout(0.9)
        torch.nn.init.constant_(self.conv.weight, 1 / 125)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean, and nothing dropped unless it trains."""
        return self.drop(self.conv(x))
