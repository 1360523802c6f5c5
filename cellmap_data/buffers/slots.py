"""Slots, who owns them, and how they come back."""

from __future__ import annotations

import itertools
import weakref
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from cellmap_data.buffers.memory import Bytes, PrivateMemory, SharedMemory, round_to_pages

_tokens = itertools.count(1)


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """What the memory of a batch must be able to do.

    Parameters
    ----------
    shared
        Worker processes write into it.
    pinned
        Page-locked, so that copies to a CUDA device need not wait for each other.
    """

    shared: bool = False
    pinned: bool = False


@dataclass(slots=True, eq=False)
class Slot:
    """Room for one batch: ``nbytes`` at ``offset`` of block ``number``."""

    number: int
    offset: int
    nbytes: int
    owner: int = field(default=0, repr=False)
    taker: int = field(default=0, repr=False)

    @property
    def place(self) -> tuple[int, int, int]:
        """What a worker needs to know to write into the slot."""
        return self.number, self.offset, self.nbytes


class SlotProvider:
    """Hands out slots and takes them back; used by the consumer's process and thread only.

    A slot belongs to a run (``take``) until the batch is delivered, then to a lease (``lease``), then to
    nobody. Each owner is a number that is never used twice, and returning a slot needs its owner's number:
    whoever returns late, or twice, returns nothing.

    Parameters
    ----------
    spec
        Which kind of memory to use.
    """

    def __init__(self, spec: BatchSpec) -> None:
        self.spec = spec
        self.memory = SharedMemory(spec.pinned) if spec.shared else PrivateMemory(spec.pinned)
        self._wanted = 0
        self._slots: dict[int, Slot] = {}
        self._numbers = itertools.count()
        self._spare_numbers: list[int] = []
        self._returned: deque[tuple[Slot, int]] = deque()

    @property
    def count(self) -> int:
        """The number of slots there are, free and in use."""
        return len(self._slots)

    @property
    def nbytes(self) -> int:
        """Bytes of memory in all slots."""
        return sum(slot.nbytes for slot in self._slots.values())

    @staticmethod
    def new_run() -> int:
        """A number for a run that will own slots."""
        return next(_tokens)

    def expect(self, nbytes: int) -> None:
        """Say how large a batch is; smaller slots are replaced when they come back."""
        self._wanted = max(self._wanted, round_to_pages(nbytes))

    def take(self, run: int) -> Slot | None:
        """A slot for a batch of ``run``; None as long as the size of a batch is not known."""
        self._collect()
        if not self._wanted:
            return None
        for slot in list(self._slots.values()):
            if slot.owner or self.memory.held(slot.number):
                continue
            if slot.nbytes >= self._wanted:
                slot.owner = slot.taker = run
                return slot
            self._retire(slot)
        return self._grow(run)

    def lease(self, slot: Slot, run: int) -> Bytes | None:
        """Pass a slot from its run to whoever holds the returned array of bytes, shape ``(nbytes,)``.

        None when the run does not own it any more, because it was reclaimed.
        """
        if slot.owner != run:
            return None
        root = self.memory.open(*slot.place)
        slot.owner = token = next(_tokens)
        # The finalizer may run in any thread, inside any allocation: it must not take a lock or call back.
        weakref.finalize(root, self._returned.append, (slot, token)).atexit = False
        return root

    def find(self, number: int) -> Slot | None:
        """The slot of that number, if it still exists."""
        return self._slots.get(number)

    def give_back(self, slot: Slot, owner: int) -> None:
        """Return a slot; nothing happens if ``owner`` does not own it."""
        if slot.owner == owner:
            slot.owner = 0

    def forget_holders(self, runs: Collection[int]) -> None:
        """Take back what workers that read for ``runs`` still referred to: all of them have ended."""
        if isinstance(self.memory, SharedMemory):
            for slot in self._slots.values():
                if slot.taker in runs:
                    self.memory.forget_holders(slot.number)

    def reclaim(self, run: int) -> None:
        """Return every slot that a run still owns: its workers have gone, or have drained."""
        for slot in self._slots.values():
            self.give_back(slot, run)

    def _collect(self) -> None:
        while self._returned:
            self.give_back(*self._returned.popleft())

    def _grow(self, run: int) -> Slot:
        number = self._spare_numbers.pop() if self._spare_numbers else next(self._numbers)
        offset = self.memory.allocate(number, self._wanted)
        self._slots[number] = slot = Slot(number, offset, self._wanted, run, run)
        return slot

    def _retire(self, slot: Slot) -> None:
        del self._slots[slot.number]
        self._spare_numbers.append(slot.number)
        self.memory.discard(*slot.place)
