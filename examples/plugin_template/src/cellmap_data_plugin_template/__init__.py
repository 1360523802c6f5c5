"""Sections that are missing, dark or unevenly bright, for cellmap-data.

A volume is often a stack of sections or planes recorded one after the other. Some are lost, some are recorded
in bad light, and the brightness of all of them wanders a little. A model that has met such sections in
training is not surprised by them later.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cellmap_data.hookspecs import hookimpl

__all__ = ["SectionArtefacts", "SectionOptions"]


class SectionOptions(BaseModel):
    """What a user may choose; anything else is refused.

    Attributes
    ----------
    missing
        Probability that a section is lost: all its voxels become 0.
    dark
        Probability that a section is dark: its voxels are divided by 2 to 4.
    jitter
        Standard deviation of the brightness factor that every section gets, around 1.
    arrays
        Names of the input arrays to damage. Labels stay: the structure is there, only badly recorded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    missing: float = Field(0.02, ge=0, le=1)
    dark: float = Field(0.02, ge=0, le=1)
    jitter: float = Field(0.05, ge=0)
    arrays: tuple[str, ...] = ("raw",)

    @model_validator(mode="after")
    def _share_one_probability(self) -> SectionOptions:
        if self.missing + self.dark > 1:
            raise ValueError("missing and dark are at most 1 together")
        return self


class SectionArtefacts:
    """Damages sections (planes across z) of training samples at random.

    Parameters
    ----------
    **options
        The fields of :class:`SectionOptions`.
    """

    options_model = SectionOptions
    """Checked by cellmap-data before the plugin is made."""

    priority = 30
    """After augmentation (50), so that a lost section stays black."""

    def __init__(self, **options: Any) -> None:
        self.options = SectionOptions(**options)

    @hookimpl
    def post_sample(
        self, sample: MutableMapping[str, Any], rng: np.random.Generator, is_train: bool
    ) -> MutableMapping[str, Any]:
        """Damage the sections of every array named, [C, Z, Y, X]; a 2-D patch has none and stays as it is."""
        if is_train:
            for name in self.options.arrays:
                if sample[name].ndim == 4:
                    _scale_sections(sample[name], self.draw_factors(sample[name].shape[1], rng))
        return sample

    def draw_factors(self, sections: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The factor of each of ``sections`` sections, float32."""
        missing, dark = self.options.missing, self.options.dark
        factors = np.maximum(rng.normal(1.0, self.options.jitter, sections), 0.0)
        fate, darkness = rng.random(sections), rng.uniform(2.0, 4.0, sections)
        factors[fate < missing + dark] /= darkness[fate < missing + dark]
        factors[fate < missing] = 0.0
        return factors.astype(np.float32)


def _scale_sections(patch: torch.Tensor, factors: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """Multiply in place: the patch may lie in the memory of a batch, where it costs no further copy."""
    scale = torch.from_numpy(factors)[:, None, None]
    if patch.is_floating_point():
        patch.mul_(scale)
    else:
        limits = torch.iinfo(patch.dtype)
        patch.copy_((patch * scale).clamp_(limits.min, limits.max))
