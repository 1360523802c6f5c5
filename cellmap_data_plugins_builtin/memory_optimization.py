"""Using the memory of batches again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from cellmap_data.buffers import BatchSpec, SlotProvider
from cellmap_data.plugins import DataLoaderPlugin

if TYPE_CHECKING:
    from cellmap_data.device.device_manager import DeviceManager


class MemoryOptimizationPlugin(DataLoaderPlugin):
    """Gives batches memory that earlier ones no longer need: shared with workers, or a pool without.

    A block is used again when the last tensor that refers to it is gone, never before: a list of all batches
    of an epoch holds different ones. Fresh memory would cost a page fault for every 4 KiB of every batch.

    Parameters
    ----------
    device_manager
        Its device says whether batches go to CUDA, for which memory is page-locked.
    priority
        Place in the order of plugins.
    """

    def __init__(self, device_manager: DeviceManager | None = None, priority: int = 20) -> None:
        super().__init__("memory_optimization", priority)
        self.device_manager = device_manager
        self._providers: dict[BatchSpec, SlotProvider] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_providers": {}}

    def get_hook_methods(self) -> dict[str, str]:
        """Memory for batches, and for whatever else is pooled after collation."""
        return {"allocate_batch": "provide", "post_collate": "page_lock"}

    def provide(self, spec: BatchSpec) -> SlotProvider:
        """The provider of one kind of memory, the same for the life of the plugin."""
        if self.device_manager is not None and self.device_manager.device.type == "cuda":
            spec = BatchSpec(spec.shared, pinned=True)
        if spec not in self._providers:
            self._providers[spec] = SlotProvider(spec)
        return self._providers[spec]

    def page_lock(self, batch: Any) -> Any:
        """Move to pooled page-locked memory what would keep a copy to CUDA waiting; else change nothing."""
        manager = self.device_manager
        if manager is None or manager.device.type != "cuda" or not isinstance(batch, dict):
            return batch
        return {
            key: manager.pool_tensor(value) if _is_pageable(value) else value for key, value in batch.items()
        }


def _is_pageable(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type == "cpu" and not value.is_pinned()
