"""The batches of a sampler that is not ours: what comes when is known only by iterating."""

from __future__ import annotations

import itertools
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, ClassVar

from cellmap_data.config import whole_number
from cellmap_data.dataloader.schedule import Ticket, chunked
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import Draw, Point, SampleIndex


@dataclass(frozen=True)
class SamplerSchedule:
    """Batches of a user's sampler, or a user's batch sampler; taken as already split over ranks.

    To begin within an epoch it passes over what came before, and compares.

    Parameters
    ----------
    source
        Yields indices, or lists of indices with ``batched``.
    count
        Batches of an epoch; the source starts again when it ends before. None = as many as it yields.
    """

    source: Iterable[Any]
    batch_size: int = 1
    drop_last: bool = False
    batched: bool = False
    count: int | None = None
    world_size: ClassVar[int] = 1
    sampled: ClassVar[bool] = True

    def share(self, split: bool) -> SamplerSchedule:  # noqa: ARG002 - it was split before
        """The batches as they are."""
        return self

    def __len__(self) -> int:
        if self.count is not None:
            return self.count
        if not isinstance(self.source, Sized):
            raise TypeError(f"{type(self.source).__name__} has no length, so the loader has none either")
        if self.batched:
            return len(self.source)
        return (
            len(self.source) // self.batch_size if self.drop_last else -(-len(self.source) // self.batch_size)
        )

    def is_over(self, place: int) -> bool:  # noqa: ARG002
        """Never known before the sampler ends."""
        return False

    def after(self, ticket: Ticket) -> int:
        """The number of the next index."""
        return ticket[-1].draw.k + 1

    def batches(self, seed: int, begin: Point) -> Iterator[Ticket]:
        """The batches, the k-th index of the epoch carrying draw k.

        Raises
        ------
        ConfigurationError
            When the sampler does not yield again what led to ``begin``.
        """
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(begin.epoch)
        k = itertools.count()
        items = iter(self.source) if self.count is None else _again_and_again(self.source)
        batches: Iterator[Ticket]

        def drawn(index: Any) -> SampleIndex:
            return SampleIndex(whole_number(index), Draw(seed, begin.epoch, next(k)))

        if self.batched:
            batches = ([drawn(index) for index in batch] for batch in items)
        else:
            batches = chunked(map(drawn, items), self.batch_size)
        batches = itertools.islice(batches, self.count)
        _pass_over(batches, begin)
        for batch in batches:
            if not (self.drop_last and not self.batched and len(batch) < self.batch_size):
                yield batch


def follow(indices: Sequence[int], trail: int) -> int:
    """A checksum of some indices and of those before them."""
    return zlib.crc32(array("q", indices).tobytes(), trail)


def _pass_over(batches: Iterator[Ticket], begin: Point) -> None:
    """Take the batches before a point, which must be those that led to it."""
    place = trail = 0
    while place < begin.place:
        batch = next(batches, None)
        if batch is None:
            break
        place, trail = place + len(batch), follow(batch, trail)
    if (place, trail) != (begin.place, begin.trail):
        raise ConfigurationError(
            message(
                "the sampler does not yield again what it did before the state was saved",
                expected=f"the same {begin.place} indices of epoch {begin.epoch}, in the same batches",
                got=f"{place} indices, " + ("others" if place == begin.place else "in other batches"),
                hint="a sampler can be resumed if its order follows from set_epoch(); those of "
                "cellmap_data.sampler can",
            )
        )


def _again_and_again(source: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for item in source:
            empty = False
            yield item
        if empty:
            raise ConfigurationError(
                message("the sampler yields nothing", expected="at least one index for iterations_per_epoch")
            )
