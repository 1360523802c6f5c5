"""Blurring."""

from __future__ import annotations

import math

import torch

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.transforms.base import TensorTransform, as_floating, checked_count, checked_number


class GaussianBlur(TensorTransform):
    """Averages each value with its neighbours, weighted by a Gaussian; every channel on its own.

    Beyond the border the outermost value goes on, so that borders are not darkened. NaN stays, and the
    values next to it are averaged over the neighbours that are known.

    Parameters
    ----------
    kernel_size
        Width of the window along each axis, in voxels; odd.
    sigma
        Standard deviation in voxels.
    dim
        How many axes are blurred: the last ones.
    channels
        The number of channels of a model's input. Whatever comes before the blurred axes is independent, so
        it makes no difference here; it is taken because other blurs need to know it.

    Raises
    ------
    ConfigurationError
        When an option is no positive number, when ``kernel_size`` is even, or a tensor has fewer axes than
        ``dim``.
    """

    def __init__(self, kernel_size: int = 3, sigma: float = 0.1, dim: int = 2, channels: int = 1) -> None:
        super().__init__()
        self.kernel_size, self.sigma = (
            checked_count("kernel_size", kernel_size),
            checked_number("sigma", sigma),
        )
        self.dim, self.channels = checked_count("dim", dim), checked_count("channels", channels)
        if self.kernel_size % 2 == 0:
            raise ConfigurationError(
                message("a blur needs a window with a middle", expected="an odd kernel_size", got=kernel_size)
            )
        if self.sigma <= 0:
            raise ConfigurationError(message("sigma of a blur is positive", expected="> 0", got=sigma))
        reach = self.kernel_size // 2
        weights = [math.exp(-0.5 * (step / self.sigma) ** 2) for step in range(-reach, reach + 1)]
        self._weights = [weight / sum(weights) for weight in weights]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tensor of shape (..., *dim axes) -> the same; floats keep their dtype, others become floats."""
        if x.dim() < self.dim:
            raise ConfigurationError(
                message(
                    "a tensor has too few axes to be blurred",
                    expected=f"at least {self.dim}",
                    got=tuple(x.shape),
                    hint="pass dim=, the number of spatial axes",
                )
            )
        values = as_floating(x)
        unknown = values.isnan()
        if not unknown.any():
            return self._averaged(values)
        known = self._averaged((~unknown).to(values.dtype))
        blurred = self._averaged(values.masked_fill(unknown, 0.0)) / known
        return blurred.masked_fill_(unknown, math.nan)

    def _averaged(self, x: torch.Tensor) -> torch.Tensor:
        reach = self.kernel_size // 2
        for axis in range(x.dim() - self.dim, x.dim()):
            size = x.shape[axis]
            result = torch.zeros_like(x)
            for shift, weight in enumerate(self._weights, -reach):
                places = torch.arange(shift, shift + size, device=x.device).clamp_(0, size - 1)
                result.add_(x.index_select(axis, places), alpha=weight)
            x = result
        return x

    def extra_repr(self) -> str:
        """The options."""
        return f"kernel_size={self.kernel_size}, sigma={self.sigma}, dim={self.dim}"
