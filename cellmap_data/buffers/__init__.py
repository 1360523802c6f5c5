"""Memory for batches that is used again and again, and never while anything still refers to it.

A *slot* holds one batch. A *provider* owns the slots: of private memory when the consumer's process reads, of
a file mapped into several processes when workers do. The consumer gets a *lease*, an array whose death is the
only thing that returns a slot; tensors made from it keep it alive.
"""

from cellmap_data.buffers.arena import Allocate, Arena, BatchMemory, fresh
from cellmap_data.buffers.memory import PrivateMemory, SharedMemory
from cellmap_data.buffers.slots import BatchSpec, Slot, SlotProvider
from cellmap_data.buffers.words import SharedWords

__all__ = [
    "Allocate",
    "Arena",
    "BatchMemory",
    "BatchSpec",
    "PrivateMemory",
    "SharedMemory",
    "SharedWords",
    "Slot",
    "SlotProvider",
    "fresh",
]
