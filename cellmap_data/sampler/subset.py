"""Samplers over some of the positions of a dataset, which can be chosen anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import torch

from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.chance import Indices
from cellmap_data.sampler.orders import Order, ShuffledOrder

Chosen: TypeAlias = "Sequence[int] | npt.NDArray[Any] | torch.Tensor"


@dataclass(frozen=True, slots=True)
class DrawnIndices(Sequence[int]):
    """The first ``size`` indices of an epoch of an order, as a lazy sequence."""

    order: Order
    epoch: int
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, i: int) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> list[int]: ...
    def __getitem__(self, i: int | slice) -> int | list[int]:
        """The ``i``-th index; a slice gives a list; IndexError where there is none."""
        places = range(self.size)[i]
        if isinstance(places, int):
            return int(self.at(np.array([places]))[0])
        several: list[int] = self.at(np.array(places, np.int64)).tolist()
        return several

    def at(self, places: Indices) -> Indices:
        """The indices at several places at once."""
        return self.order.indices(self.epoch, places)


class SubsetDraw:
    """A random subset of ``size`` indices of an order, another one at each call.

    Attributes
    ----------
    calls : int
        How many were drawn; the next is a function of that and of the order.
    """

    def __init__(self, order: Order, size: int, calls: int = 0) -> None:
        self.order, self.size, self.calls = order, size, calls

    def __call__(self) -> DrawnIndices:
        """The next subset."""
        self.calls += 1
        return DrawnIndices(self.order, self.calls - 1, self.size)


@dataclass(frozen=True, slots=True, eq=False)
class SubsetOrder:
    """The indices of a subset, once each in random order, then once again, and so on."""

    subset: Sequence[int] | Indices
    shuffle: ShuffledOrder

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``."""
        return taken(self.subset, self.shuffle.indices(epoch, places))


class MutableSubsetRandomSampler(OrderSampler):
    """The indices of a subset in random order; :meth:`refresh` chooses another subset.

    Parameters
    ----------
    indices_generator : callable
        Gives the indices: a list, an array, a tensor, or a lazy sequence, which is not listed. It is called
        at once, and by each :meth:`refresh`.
    rng : torch.Generator, optional
        Its initial seed is that of the order; it is not kept. None for the loader's.
    rank, world_size
        As for :class:`OrderSampler`.

    Attributes
    ----------
    indices : sequence of int
        The subset.

    Raises
    ------
    ConfigurationError
        If the subset is empty.
    """

    def __init__(
        self,
        indices_generator: Callable[[], Chosen],
        rng: torch.Generator | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.indices_generator = indices_generator
        self.indices = _as_indices(indices_generator())
        seed = None if rng is None else rng.initial_seed()
        super().__init__(len(self.indices), seed, rank=rank, world_size=world_size)

    def refresh(self) -> None:
        """Choose the subset anew; iteration that has begun goes on with the one before."""
        self.indices = _as_indices(self.indices_generator())
        self.samples_per_epoch = self.checked_count(len(self.indices))

    def extra_state(self) -> dict[str, Any]:
        """Which subset it is, if :class:`SubsetDraw` drew it; others must be given as they were."""
        draw = self.indices_generator
        return {"subset": draw.calls - 1} if isinstance(draw, SubsetDraw) else {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Draw that subset again."""
        if isinstance(self.indices_generator, SubsetDraw) and "subset" in state:
            self.indices_generator.calls = state["subset"]
            self.refresh()

    def order(self, seed: int) -> SubsetOrder:
        """The order of the subset for a seed."""
        return SubsetOrder(self.indices, ShuffledOrder(len(self.indices), seed))


def taken(subset: Sequence[int] | Indices, places: Indices) -> Indices:
    """The indices of a subset at some places."""
    if isinstance(subset, np.ndarray):
        return subset[places]
    if isinstance(subset, DrawnIndices):
        return subset.at(places)
    return np.array([subset[place] for place in places.tolist()], np.int64)


def _as_indices(chosen: Chosen) -> Sequence[int] | Indices:
    """Listed indices as an array; lazy ones as they are."""
    if isinstance(chosen, torch.Tensor):
        chosen = chosen.numpy()
    if isinstance(chosen, np.ndarray | list | tuple):
        return np.array(chosen, np.int64)
    return chosen
