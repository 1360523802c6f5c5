"""How good the model is on the part it has never seen, beside two methods that learn nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cellmap_data.cli.demo.labels import CLASSES, class_masks, dice, otsu_threshold
from cellmap_data.transforms import GaussianBlur

__all__ = ["HeldOut", "class_dice", "everything", "thresholded"]

Masks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The held-out region as one patch: raw [1, Z, Y, X] as the model gets it, truth bool [2, Z, Y, X]."""

    raw: Tensor
    truth: Masks

    def predict(self, model: nn.Module) -> Masks:
        """What the model says about every voxel: masks like ``truth``."""
        model.eval()
        with torch.inference_mode():
            logits: Tensor = model(self.raw[None])
        return (logits[0] > 0).numpy()


def class_dice(prediction: Masks, truth: Masks) -> dict[str, float]:
    """Dice of each class."""
    return {name: dice(a, b) for name, a, b in zip(CLASSES, prediction, truth, strict=True)}


def everything(region: HeldOut) -> Masks:
    """The trivial predictor: every voxel is of every class."""
    return np.ones_like(region.truth)


def thresholded(region: HeldOut, sigma: float = 0) -> Masks:
    """The classical one: bright voxels (above Otsu's threshold) are nuclei, their rims boundaries.

    With ``sigma`` (voxels), the raw image is first blurred by a Gaussian.
    """
    blur = GaussianBlur(kernel_size=7, sigma=sigma, dim=3) if sigma else nn.Identity()
    raw = blur(region.raw)[0].numpy()
    return class_masks(raw > otsu_threshold(raw))
