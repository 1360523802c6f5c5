"""Letting a callable that knows nothing of samples draw the random numbers of one sample."""

from cellmap_data.transforms.seeding.seeded import Seeded, takes_rng

__all__ = ["Seeded", "takes_rng"]
