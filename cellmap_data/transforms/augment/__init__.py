"""Transforms of the values of one tensor, of any shape, with or without a channel or batch axis."""

from cellmap_data.transforms.augment.blur import GaussianBlur
from cellmap_data.transforms.augment.intensity import GaussianNoise, RandomContrast, RandomGamma
from cellmap_data.transforms.augment.values import Binarize, NaNtoNum, Normalize, ScaleIntegers

__all__ = [
    "Binarize",
    "GaussianBlur",
    "GaussianNoise",
    "NaNtoNum",
    "Normalize",
    "RandomContrast",
    "RandomGamma",
    "ScaleIntegers",
]
