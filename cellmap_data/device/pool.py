"""Memory for tensors that is used again when the last tensor in it is gone."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Block = npt.NDArray[np.uint8]

_KEPT = 16


class TensorPool:
    """Blocks of host memory, each lent to one tensor at a time.

    The tensor is made from a *lease*: a new array object over the block, which ``torch.from_numpy`` keeps
    alive as long as any tensor, view or array shares the memory. Its finalizer returns the block, so nothing
    that is alive can be overwritten, whoever holds it.

    Parameters
    ----------
    pinned
        Page-locked memory, from which copies to a CUDA device run in the background.
    """

    def __init__(self, pinned: bool = False) -> None:
        self.pinned = pinned
        self._free: list[Block] = []  # the block that was returned last is last
        self._returned: deque[Block] = deque()
        self._lock = threading.Lock()

    def copy(self, tensor: torch.Tensor) -> torch.Tensor:
        """A C-contiguous tensor of equal values, shape and dtype in memory of the pool."""
        nbytes = tensor.numel() * tensor.element_size()
        block = self._take(nbytes)
        lease = block[:]
        # The finalizer may run in any thread, inside any allocation: it must not take a lock or call back.
        weakref.finalize(lease, self._returned.append, block).atexit = False
        pooled = torch.from_numpy(lease).view(tensor.dtype).view(tensor.shape)
        return pooled.copy_(tensor.detach())

    def _take(self, nbytes: int) -> Block:
        with self._lock:
            while self._returned:
                self._free.append(self._returned.popleft())
            for place in reversed(range(len(self._free))):
                if self._free[place].nbytes == nbytes:
                    return self._free.pop(place)
            del self._free[:-_KEPT]
        return self._allocate(nbytes)

    def _allocate(self, nbytes: int) -> Block:
        if self.pinned:
            memory: npt.NDArray[Any] = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True).numpy()
            return memory
        return np.empty(nbytes, np.uint8)
