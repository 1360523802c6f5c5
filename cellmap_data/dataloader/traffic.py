"""What was read for the batches that were delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes on their way from files to patches, of all workers and threads.

    ``used``, ``touched`` and ``chunks`` follow from which patches were read. The others are counted in the
    processes that read, while this loader delivers: two loaders that read in the same process at the same
    time each get a part.

    Attributes
    ----------
    used
        Bytes of the patches, as they are stored.
    touched, chunks
        The chunks in which patches lie, and their bytes; a chunk counts for each patch.
    read
        Bytes from files and stores, compressed.
    hits, misses
        Chunks that were in the cache when they were wanted, and that were not.
    evicted
        Chunks that left the cache to make room.
    unpacked
        Bytes of chunks that were decoded for zarr arrays; readers of plugins do not count theirs.
    filled
        Chunks that were known to hold one value, and so neither read nor decoded.
    """

    used: int = 0
    touched: int = 0
    chunks: int = 0
    read: int = 0
    hits: int = 0
    misses: int = 0
    evicted: int = 0
    unpacked: int = 0
    filled: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Traffic:
        """From what was counted."""
        return cls(*(counts.get(name, 0) for name in cls.__slots__))

    @property
    def hit_share(self) -> float:
        """Of the chunks that were wanted, those that were in the cache: 0 to 1."""
        wanted = self.hits + self.misses
        return self.hits / wanted if wanted else 0.0

    @property
    def decoded(self) -> int:
        """Bytes that were decoded; if nobody counted, of the chunks touched those not in the cache."""
        return self.unpacked or round(self.touched * (1 - self.hit_share))

    @property
    def amplification(self) -> float:
        """Bytes decoded for each byte used; 0 if nothing is known."""
        return self.decoded / self.used if self.used else 0.0

    def as_dict(self) -> dict[str, float]:
        """All of it as plain numbers."""
        names = (*self.__slots__, "decoded", "hit_share", "amplification")
        return {name: getattr(self, name) for name in names}
