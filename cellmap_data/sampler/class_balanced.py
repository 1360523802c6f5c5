"""Draws in which every class is seen equally often, as far as crops allow."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.chance import Indices, below, fractions, keys_of, words_at

Matrix = npt.NDArray[np.bool_]

RESTART = 1024
"""After that many draws the counts of classes begin again: so a block of draws stands for itself."""


class Annotated(Sized, Protocol):
    """What a class-balanced sampler asks of a dataset."""

    @property
    def crop_sizes(self) -> Sequence[int]:
        """The number of positions of each crop; one after the other they are those of the dataset."""

    def get_crop_class_matrix(self) -> Any:
        """Which classes are annotated in which crop: bool, [crops, classes]."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassBalancedOrder:
    """The class that was seen least, a random crop that annotates it, a random position there.

    The counts begin at 0 with every block of 1,024 places. A draw counts for all classes that its crop
    annotates. Among classes seen equally often, among crops, and among positions each is as likely as any
    other.

    Attributes
    ----------
    sizes : ndarray of int64
        The number of positions of each crop.
    matrix : ndarray of bool
        Which classes are annotated in which crop, [crops, classes]; each class in at least one, and none in a
        crop without positions.
    seed : int
        With the epoch and the block, what the draws depend on.
    """

    sizes: Indices
    matrix: Matrix
    seed: int

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``; the blocks they lie in are drawn from their beginnings."""
        blocks, within = np.divmod(places, RESTART)
        result = np.empty_like(places)
        for block in np.unique(blocks):
            chosen = blocks == block
            result[chosen] = self._block(epoch, int(block), int(within[chosen].max()) + 1)[within[chosen]]
        return result

    def _block(self, epoch: int, block: int, count: int) -> Indices:
        tie_key, crop_key, position_key = keys_of(3, self.seed, epoch, block)
        places = np.arange(count, dtype=np.int64)
        crops = self._crops(tie_key, fractions(words_at(crop_key, places)).tolist())
        starts = np.cumsum(self.sizes) - self.sizes
        return starts[crops] + below(words_at(position_key, places), self.sizes[crops])

    def _crops(self, tie_key: np.uint64, chances: list[float]) -> Indices:
        n_classes = self.matrix.shape[1]
        annotating = [np.flatnonzero(column).tolist() for column in self.matrix.T]
        counted = self.matrix.astype(np.float64)
        # A fraction on top of each count breaks ties: the smallest is any of those seen least.
        ties = fractions(words_at(tie_key, np.arange(len(chances) * n_classes))).reshape(-1, n_classes)
        seen, crops = np.zeros(n_classes), np.empty(len(chances), np.int64)
        for draw, chance in enumerate(chances):
            candidates = annotating[(seen + ties[draw]).argmin()]
            crop = crops[draw] = candidates[int(chance * len(candidates))]
            seen += counted[crop]
        return crops


class ClassBalancedSampler(OrderSampler):
    """Draws the class that was seen least so far, then a random crop annotating it, then a random position.

    Counts restart every 1,024 draws, so that any block of draws is a function of (seed, epoch, block).
    Classes that are annotated in no crop with a position are left out.

    Parameters
    ----------
    dataset : CellMapMultiDataset or the like
        Asked once for its crops and ``get_crop_class_matrix()``; it is not kept.
    samples_per_epoch : int, optional
        Draws of an epoch, all ranks together; None for the length of the dataset.
    seed : int, optional
        Of the draws; None for the loader's.
    rank, world_size
        As for :class:`OrderSampler`.

    Attributes
    ----------
    crop_class_matrix : ndarray of bool
        Which classes are annotated in which crop, [crops, classes].
    active_classes : list of int
        The classes that are drawn.
    class_to_crops : dict
        Active class -> the crops that annotate it and have positions.
    n_crops, n_classes : int
        The shape of the matrix.

    Raises
    ------
    ConfigurationError
        If nothing is annotated: "no active classes"; if the dataset has no crops.
    """

    def __init__(
        self,
        dataset: Annotated,
        samples_per_epoch: int | None = None,
        seed: int | None = 42,
        *,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if not hasattr(dataset, "crop_sizes"):
            raise ConfigurationError(
                message(
                    "a dataset says which classes are annotated in which of its crops",
                    expected="crop_sizes and get_crop_class_matrix(), as CellMapMultiDataset has them",
                    got=type(dataset).__name__,
                    hint="wrap positions in a CellMapSubset, and datasets in a CellMapMultiDataset",
                )
            )
        count = len(dataset)
        self.sizes: Indices = np.array(dataset.crop_sizes, np.int64)
        self.crop_class_matrix: Matrix = np.asarray(dataset.get_crop_class_matrix(), dtype=np.bool_)
        self.n_crops, self.n_classes = self.crop_class_matrix.shape
        usable = self.crop_class_matrix & (self.sizes > 0)[:, None]
        self.active_classes: list[int] = np.flatnonzero(usable.any(axis=0)).tolist()
        if not self.active_classes:
            raise ConfigurationError(
                message(
                    "no active classes: there is nothing to balance",
                    expected="a class that is annotated in a crop with positions",
                    got=f"{self.n_crops} crops, {count} positions, {self.n_classes} classes",
                )
            )
        self.class_to_crops: dict[int, list[int]] = {
            c: np.flatnonzero(usable[:, c]).tolist() for c in self.active_classes
        }
        self._drawn = usable[:, self.active_classes]
        super().__init__(
            count if samples_per_epoch is None else samples_per_epoch, seed, rank=rank, world_size=world_size
        )

    @property
    def rng(self) -> np.random.Generator:
        """A generator at the beginning of this sampler's seed; the draws do not come from it."""
        return np.random.default_rng(self.seed)

    def order(self, seed: int) -> ClassBalancedOrder:
        """The draws for a seed."""
        return ClassBalancedOrder(self.sizes, self._drawn, seed)
