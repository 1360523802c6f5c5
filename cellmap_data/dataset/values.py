"""Value transforms of the arrays of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cellmap_data import timing
from cellmap_data.image import ValueCallable, in_a_row
from cellmap_data.sampler import Draw, Stream, generator_for
from cellmap_data.transforms import Seeded


@dataclass(frozen=True, slots=True)
class ValueTransform:
    """Callables applied one after the other, drawing the random numbers of the sample they are given.

    All arrays of a sample begin with the same numbers: what brightens one input brightens the others alike.
    """

    steps: tuple[Seeded, ...]

    @classmethod
    def of(cls, transforms: ValueCallable | Sequence[ValueCallable] | None) -> ValueTransform | None:
        """One callable or several in a row; None, and an empty row, mean no transform.

        Raises
        ------
        ConfigurationError
            If something cannot be called.
        """
        row = in_a_row(transforms)
        return cls(tuple(map(Seeded, row))) if row else None

    def __call__(self, values: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Apply all steps to one array of a sample."""
        with timing.stage("transform"):
            rng = generator_for(draw, Stream.VALUE)
            for step in self.steps:
                values = step(values, rng=rng)
            return torch.as_tensor(values)
