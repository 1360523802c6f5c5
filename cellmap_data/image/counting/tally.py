"""What is counted of the labels of one class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Voxels of one stored array of labels.

    Attributes
    ----------
    positive : int
        Those that show the class: more than 0.
    known : int
        Those of which somebody said whether they show it.
    """

    positive: int
    known: int

    def scaled(self, of: int, voxels: int) -> Tally:
        """The same shares, which are those of an array of ``of`` voxels, of one of ``voxels``."""
        share = voxels / of if of else 0.0
        return Tally(round(self.positive * share), round(self.known * share))
