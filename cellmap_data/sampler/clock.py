"""Where somebody who samples stands: the seed, the epoch, the place in it."""

from __future__ import annotations

from typing import NamedTuple

from cellmap_data.config import counted
from cellmap_data.sampler.ranks import common_seed


class Point(NamedTuple):
    """A point in a sequence of epochs.

    Attributes
    ----------
    epoch, place : int
        Which epoch, and the place in it that comes next, counted over all ranks.
    trail : int
        A checksum of the indices up to there, where somebody needs to know them again.
    """

    epoch: int = 0
    place: int = 0
    trail: int = 0


class Clock:
    """The random numbers of a loader or sampler, and how far they have been used.

    Parameters
    ----------
    seed
        None takes ``torch.initial_seed()`` when the first number is needed; ranks agree on one of theirs.

    Attributes
    ----------
    coming : Point
        Where the next iteration begins.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed, self.coming = None if seed is None else counted("seed", seed, None), Point()
        self._reached: Point | None = None

    @property
    def seed(self) -> int:
        """The seed, fixed from its first use on."""
        if self._seed is None:
            self._seed = common_seed()
        return self._seed

    @property
    def point(self) -> Point:
        """What was not delivered yet: of the latest iteration, or all of the next if that has finished."""
        return self.coming if self._reached is None else self._reached

    def begin(self) -> Point:
        """Begin the coming iteration; after it comes the next epoch."""
        self._reached = begun = self.coming
        self.coming = Point(begun.epoch + 1)
        return begun

    def reach(self, point: Point) -> None:
        """Note how far the latest iteration was delivered."""
        self._reached = point

    def finish(self) -> None:
        """Note that the latest iteration delivered all of its epoch."""
        self._reached = None

    def go_to(self, point: Point, seed: int | None = None) -> None:
        """Let the next iteration begin at a point, with another seed if one is given."""
        self.coming, self._reached = point, None
        self._seed = self._seed if seed is None else seed

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that epoch: from its beginning, unless it is the one to go on with.

        Raises
        ------
        ConfigurationError
            If it is no whole number, or below 0.
        """
        if counted("epoch", epoch) != self.coming.epoch:
            self.go_to(Point(int(epoch)))
