"""Which sample stands at a place of an epoch, and why it is as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cellmap_data.config import counted
from cellmap_data.dataloader.schedule import ArithmeticShare, OrderSchedule, Schedule, Ticket
from cellmap_data.errors import ConfigurationError, message


@dataclass(frozen=True, slots=True)
class Explanation:
    """What made a sample; ``str()`` tells it in words.

    Attributes
    ----------
    seed, epoch, k : int
        The coordinates of the sample.
    index : int
        The position in the loader's dataset.
    rank, batch, row : int
        Who was given it, as ranks and batches are now, and where: row of batch of the epoch.
    origin : object
        What the dataset's ``explain(index)`` says: crop, centre, motion and labels of a CellMapDataset. None
        if it has no such method.
    """

    seed: int
    epoch: int
    k: int
    index: int
    rank: int
    batch: int
    row: int
    origin: Any

    def __str__(self) -> str:
        first = (
            f"sample {self.k} of epoch {self.epoch}, seed {self.seed}: index {self.index}, "
            f"row {self.row} of batch {self.batch} of rank {self.rank}"
        )
        return first if self.origin is None else f"{first}\n{self.origin}"


def explanation(schedule: Schedule, dataset: Any, seed: int, epoch: int, k: int) -> Explanation:
    """What made sample ``k`` of an epoch.

    Raises
    ------
    ConfigurationError
        When there is no such sample, or the sampler is not ours.
    """
    share, batch, row = _place_of(schedule, k)
    ticket = share.batch(seed, counted("epoch", epoch), batch)
    origin = dataset.explain(ticket[row]) if hasattr(dataset, "explain") else None
    return Explanation(seed, epoch, k, int(ticket[row]), share.rank, batch, row, origin)


def batch_of(schedule: Schedule, seed: int, epoch: int, k: int) -> tuple[Ticket, int]:
    """The batch that sample ``k`` of an epoch belongs to, and its row there; as :func:`explanation`."""
    share, batch, row = _place_of(schedule, k)
    return share.batch(seed, counted("epoch", epoch), batch), row


def _place_of(schedule: Schedule, k: int) -> tuple[ArithmeticShare, int, int]:
    """The share that the place ``k`` falls into, the batch there and the row of that."""
    if not isinstance(schedule, OrderSchedule):
        raise ConfigurationError(
            message(
                "which sample came at a place is known only of orders that are arithmetic",
                expected="no sampler, or one of cellmap_data.sampler",
                got="a sampler that must be iterated",
                hint="the batch itself says its positions: batch['idx']",
            )
        )
    share = schedule.share_of(counted("k", k, None))
    if not 0 <= k < -(-share.total // share.world_size) * share.world_size:
        raise ConfigurationError(
            message("there is no such sample", expected=f"0 <= k < {share.total} in an epoch", got=k)
        )
    return share, *divmod(k // share.world_size, share.batch_size)
