"""How much each voxel of a patch counts where patches overlap."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial import Shape

Blend: TypeAlias = Literal["gaussian", "constant"]

SIGMA = 0.125
"""Standard deviation of the Gaussian, in lengths of the patch."""

SMALLEST = 1e-3
"""No weight is smaller, so that the corner of a single patch is not divided by nothing."""


def check_blend(blend: str) -> Blend:
    """The blend of that name; ConfigurationError if there is none."""
    if blend not in get_args(Blend):
        raise ConfigurationError(
            message("Unknown blend.", expected=" or ".join(get_args(Blend)), got=repr(blend))
        )
    return blend  # type: ignore[return-value]


@functools.lru_cache(maxsize=16)
def patch_weights(shape: Shape, blend: Blend) -> npt.NDArray[np.float32]:
    """The weights of a patch, at most 1 in its middle; where patches meet they are divided by their sum.

    The Gaussian is that of ``monai.data.utils.compute_importance_map`` (MONAI 1.5) and of nnU-Net (Isensee et
    al., Nature Methods 2021): an eighth of the patch wide, and never below a thousandth.
    """
    if blend == "constant":
        weights = np.ones(shape, np.float32)
    else:
        z, y, x = (_bell(n) for n in shape)
        weights = z[:, None, None] * y[:, None] * x
        np.maximum(weights, max(float(weights.min()), SMALLEST), out=weights)
    weights.flags.writeable = False
    return weights


def _bell(n: int) -> npt.NDArray[np.float32]:
    places = np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2)
    bell: npt.NDArray[np.float32] = np.exp(places**2 / np.float32(-2 * (SIGMA * n) ** 2))
    return bell
