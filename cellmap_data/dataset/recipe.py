"""Everything it takes to make samples of one crop, frozen: who reads holds one and sees no later change."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from cellmap_data.dataset.layout import Layout
from cellmap_data.dataset.readers import Readers
from cellmap_data.dataset.request import Request
from cellmap_data.dataset.values import ValueTransform
from cellmap_data.image import value_dtype
from cellmap_data.sampler import Draw, Stream, generator_for
from cellmap_data.spatial import Motion, SpatialTransforms, Vec

DTypes: TypeAlias = tuple[np.dtype[Any], ...]


@dataclass(frozen=True, slots=True)
class Transforms:
    """What a sample goes through.

    Attributes
    ----------
    spatial : SpatialTransforms
        Drawn once for a sample, moves all its arrays.
    raw, target : ValueTransform or None
        Applied to each input and each target array.
    augment : bool
        Whether spatial transforms are drawn at all.
    """

    spatial: SpatialTransforms = field(default_factory=SpatialTransforms)
    raw: ValueTransform | None = None
    target: ValueTransform | None = None
    augment: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make the samples of one crop.

    Attributes
    ----------
    request, layout, readers
        What was asked for, where it is, and what reads it.
    transforms : Transforms
        What samples go through.
    unknown : float
        The label of a voxel of which nothing is known.
    input_dtypes : tuple of numpy.dtype
        What each input is read as: as stored where a transform or the user wants it so, else float32.
    target_dtypes : tuple of numpy.dtype
        What each target is read and delivered as: floats, or as stored if wanted so and untransformed.
    """

    request: Request
    layout: Layout
    readers: Readers
    transforms: Transforms
    unknown: float = math.nan
    input_dtypes: DTypes = field(init=False)
    target_dtypes: DTypes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_dtypes", self._input_dtypes())
        object.__setattr__(self, "target_dtypes", self._target_dtypes())

    def motion(self, centre: Vec, draw: Draw) -> Motion:
        """Draw how the sample at ``centre`` (nm) is moved."""
        spatial, layout = self.transforms.spatial, self.layout
        if not (self.transforms.augment and spatial.transforms):
            return Motion.identity()

        def fits(motion: Motion) -> bool:
            return all(source.fits(centre, motion) for source in layout.sources)

        return spatial.draw(generator_for(draw, Stream.SPATIAL), layout.patches, fits)

    def _input_dtypes(self) -> DTypes:
        as_stored = self.request.native or self.transforms.raw is not None
        return tuple(image.dtype if as_stored else np.dtype(np.float32) for image in self.layout.inputs)

    def _target_dtypes(self) -> DTypes:
        as_stored = self.request.native and self.transforms.target is None
        stored = [[image.dtype for image in target.values()] for target in self.layout.targets]
        return tuple(
            np.result_type(*dtypes or [np.dtype(np.uint8)]) if as_stored else value_dtype(dtypes, exact=True)
            for dtypes in stored
        )
