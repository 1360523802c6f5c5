"""Fixed functions of each value."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.transforms.base import TensorTransform, as_floating, brightest, checked_number

_REPLACEABLE = ("nan", "posinf", "neginf")


class Binarize(TensorTransform):
    """1 where a value is strictly greater than the threshold, else 0; NaN, the unknown, stays NaN.

    Parameters
    ----------
    threshold
        In the unit of the values.

    Raises
    ------
    ConfigurationError
        When the threshold is no finite number.
    """

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = checked_number("threshold", threshold)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tensor of any shape and dtype -> the same shape and dtype."""
        binary = (as_floating(x) > self.threshold).to(x.dtype)
        return torch.where(x.isnan(), x, binary) if x.is_floating_point() else binary

    def extra_repr(self) -> str:
        """The options."""
        return f"threshold={self.threshold}"


class NaNtoNum(TensorTransform):
    """Replaces NaN and infinities.

    Parameters
    ----------
    params
        Any of ``nan``, ``posinf``, ``neginf`` -> the number that takes its place, as for
        ``torch.nan_to_num``: without one, NaN becomes 0 and an infinity the extreme value of the dtype.

    Raises
    ------
    ConfigurationError
        When ``params`` is no mapping, has another key, or a value that is neither a number nor None.
    """

    def __init__(self, params: Mapping[str, float | None] | None = None) -> None:
        super().__init__()
        self.params = _checked_params(params or {})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tensor of any shape and dtype -> the same shape and dtype."""
        posinf, neginf = self.params.get("posinf"), self.params.get("neginf")
        return torch.nan_to_num(x, self.params.get("nan"), posinf, neginf)

    def extra_repr(self) -> str:
        """The options."""
        return f"params={self.params}"


def _checked_params(params: Any) -> dict[str, float | None]:
    keys = set(params) if isinstance(params, Mapping) else None
    if keys is None or not keys <= set(_REPLACEABLE):
        raise ConfigurationError(
            message(
                "NaNtoNum cannot replace this",
                expected=f"a mapping from any of {', '.join(_REPLACEABLE)} to a number",
                got=repr(params) if keys is None else sorted(map(str, keys - set(_REPLACEABLE))),
            )
        )
    for key, value in params.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ConfigurationError(
                message(
                    f"NaNtoNum puts numbers in place of {key}", expected="a number or None", got=repr(value)
                )
            )
    return {key: None if value is None else float(value) for key, value in params.items()}


class Normalize(TensorTransform):
    """``(x + shift) * scale``; the default takes 8-bit values to 0..1.

    Parameters
    ----------
    shift
        Added first, in the unit of the values.
    scale
        Multiplied afterwards.

    Raises
    ------
    ConfigurationError
        When one of them is no finite number.
    """

    def __init__(self, shift: float = 0.0, scale: float = 1 / 255) -> None:
        super().__init__()
        self.shift, self.scale = checked_number("shift", shift), checked_number("scale", scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tensor of any shape -> the same shape; floats keep their dtype, integers become floats."""
        return (as_floating(x) + self.shift) * self.scale

    def extra_repr(self) -> str:
        """The options."""
        return f"shift={self.shift}, scale={self.scale}"


class ScaleIntegers(TensorTransform):
    """Divides integers by the largest number of their type, so unsigned ones become 0..1; floats stay."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tensor of any shape -> the same shape; floats keep their dtype, integers become floats."""
        return x if x.is_floating_point() else as_floating(x) / brightest(x.dtype)
