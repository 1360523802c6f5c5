"""Random changes of intensity."""

from __future__ import annotations

import numpy as np
import torch

from cellmap_data.transforms.base import (
    RandomTransform,
    as_floating,
    as_image,
    brightest,
    checked_number,
    checked_range,
)


class GaussianNoise(RandomTransform):
    """Adds normally distributed noise, drawn for each value.

    Parameters
    ----------
    mean, std
        Of the noise, in the unit of the values.

    Raises
    ------
    ConfigurationError
        When one is no finite number, or ``std`` is negative.
    """

    def __init__(self, mean: float = 0.0, std: float = 0.1) -> None:
        super().__init__()
        self.mean, self.std = checked_number("mean", mean), checked_number("std", std, least=0.0)

    def forward(self, x: torch.Tensor, *, rng: np.random.Generator | None = None) -> torch.Tensor:
        """Tensor of any shape -> the same shape; floats keep their dtype, integers become floats."""
        values = as_floating(x)
        noise = torch.empty_like(values).normal_(self.mean, self.std, generator=self.generator(x, rng))
        return noise.add_(values)

    def extra_repr(self) -> str:
        """The options."""
        return f"mean={self.mean}, std={self.std}"


class RandomContrast(RandomTransform):
    """Stretches all values of a tensor about their mean by one random factor.

    Floats are taken as images between 0 and 1, integers between 0 and the largest of their dtype; what the
    stretch takes beyond is clipped. NaN stays and does not count for the mean.

    Parameters
    ----------
    contrast_range
        (low, high): the factor is uniform between them; 1 changes nothing, 0 leaves the mean.

    Raises
    ------
    ConfigurationError
        When the range does not ascend, or is negative.
    """

    def __init__(self, contrast_range: tuple[float, float] = (0.5, 1.5)) -> None:
        super().__init__()
        self.contrast_range = checked_range("contrast_range", contrast_range, least=0.0)

    def forward(self, x: torch.Tensor, *, rng: np.random.Generator | None = None) -> torch.Tensor:
        """Tensor of any shape and dtype -> the same shape and dtype."""
        values = as_floating(x)
        factor = _uniform(self.contrast_range, self.generator(x, rng), values)
        return as_image(torch.lerp(values.nanmean(), values, factor), x.dtype)

    def extra_repr(self) -> str:
        """The options."""
        return f"contrast_range={self.contrast_range}"


class RandomGamma(RandomTransform):
    """Raises all values of a tensor to one random power, which keeps black and white.

    Floats are taken as images between 0 and 1, integers between 0 and the largest of their dtype; values
    outside are clipped first. NaN stays.

    Parameters
    ----------
    gamma_range
        (low, high): the exponent is uniform between them; 1 changes nothing, less brightens.

    Raises
    ------
    ConfigurationError
        When the range does not ascend, or is negative.
    """

    def __init__(self, gamma_range: tuple[float, float] = (0.5, 1.5)) -> None:
        super().__init__()
        self.gamma_range = checked_range("gamma_range", gamma_range, least=0.0)

    def forward(self, x: torch.Tensor, *, rng: np.random.Generator | None = None) -> torch.Tensor:
        """Tensor of any shape and dtype -> the same shape and dtype."""
        white = brightest(x.dtype)
        values = as_floating(x).clamp(0.0, white) / white
        gamma = _uniform(self.gamma_range, self.generator(x, rng), values)
        return as_image(values.pow(gamma) * white, x.dtype)

    def extra_repr(self) -> str:
        """The options."""
        return f"gamma_range={self.gamma_range}"


def _uniform(
    between: tuple[float, float], generator: torch.Generator | None, like: torch.Tensor
) -> torch.Tensor:
    """One number as a 0-d tensor: a Python float would have to wait for a GPU."""
    return torch.empty((), dtype=like.dtype, device=like.device).uniform_(*between, generator=generator)
