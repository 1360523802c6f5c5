"""Transforms of values, and what lets any transform draw the random numbers of one sample."""

from cellmap_data.transforms.augment import (
    Binarize,
    GaussianBlur,
    GaussianNoise,
    NaNtoNum,
    Normalize,
    RandomContrast,
    RandomGamma,
    ScaleIntegers,
)
from cellmap_data.transforms.base import TensorTransform
from cellmap_data.transforms.seeding import Seeded, takes_rng

__all__ = [
    "Binarize",
    "GaussianBlur",
    "GaussianNoise",
    "NaNtoNum",
    "Normalize",
    "RandomContrast",
    "RandomGamma",
    "ScaleIntegers",
    "Seeded",
    "TensorTransform",
    "takes_rng",
]
