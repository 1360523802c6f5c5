"""Which share of an epoch this process takes."""

from __future__ import annotations

import sys
from typing import NamedTuple

import torch

from cellmap_data.config import as_count
from cellmap_data.errors import ConfigurationError, message


class Ranks(NamedTuple):
    """Rank ``rank`` of ``world_size`` takes the places rank, rank + world_size, ... of an epoch."""

    rank: int = 0
    world_size: int = 1


class RankOptions(NamedTuple):
    """The ranks as a user gave them; what is None is asked of torch.distributed when it matters.

    ``world_size=1`` says that nothing is to be split here.
    """

    rank: int | None = None
    world_size: int | None = None

    @classmethod
    def checked(cls, rank: int | None, world_size: int | None) -> RankOptions:
        """The options, both or ``world_size=1`` or neither.

        Raises
        ------
        ConfigurationError
            When one of the two says nothing without the other, or there is no such rank.
        """
        if world_size == 1 and rank is None:
            rank = 0
        which, world = as_count(rank), as_count(world_size, 1)
        if (rank, world_size) == (None, None):
            return cls()
        if which is None or world is None or which >= world:
            raise ConfigurationError(
                message(
                    "a rank is one of the world's",
                    expected="0 <= rank < world_size; world_size=1 alone; neither for torch.distributed",
                    got=f"rank={rank!r}, world_size={world_size!r}",
                )
            )
        return cls(which, world)

    def now(self) -> Ranks:
        """The ranks as given, else those of torch.distributed if it is initialised, else one."""
        if self.rank is not None and self.world_size is not None:
            return Ranks(self.rank, self.world_size)
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return Ranks(distributed.get_rank(), distributed.get_world_size())
        return Ranks()

    def beside_frameworks(self) -> Ranks:
        """The same, but one where Accelerate drives and nothing was given: it splits whatever it prepares."""
        state = sys.modules.get("accelerate.state")
        if self.rank is None and state is not None and state.is_initialized():
            return Ranks()
        return self.now()


ASK_TORCH = RankOptions()

_SEED = "cellmap_data/seed"


def common_seed() -> int:
    """``torch.initial_seed()``, on all ranks that of the one that asks first.

    A process starts with a seed of its own, so ranks that took theirs would split different orders. The
    store of torch.distributed agrees on one without anybody waiting: ranks need not ask at the same time, or
    at all.
    """
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return torch.initial_seed()
    store = distributed.distributed_c10d._get_default_store()
    return int(store.compare_set(_SEED, "", str(torch.initial_seed())))
