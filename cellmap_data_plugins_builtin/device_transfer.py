"""Moving batches to the device."""

from __future__ import annotations

from typing import Any

import torch

from cellmap_data.device import DeviceManager
from cellmap_data.plugins import DataLoaderPlugin


class DeviceTransferPlugin(DataLoaderPlugin):
    """Moves every batch to the device, in the consumer's process.

    Plugins with a higher priority see the batch in host memory, those with a lower one on the device. When a
    framework that moves batches itself is driving (Accelerate, Lightning, DeepSpeed), it is left to do so;
    the framework is asked for every batch.

    Parameters
    ----------
    priority
        Place in the order of plugins.
    device_manager
        Knows the device; None for that of the loader.
    """

    def __init__(self, priority: int = 10, device_manager: DeviceManager | None = None) -> None:
        super().__init__("device_transfer", priority)
        self.device_manager = device_manager
        self._fallback = DeviceManager()

    def get_hook_methods(self) -> dict[str, str]:
        """Batches are moved when they are complete."""
        return {"post_collate": "move"}

    def move(self, batch: Any, device: torch.device) -> Any:
        """The batch with its tensors on the device, nested ones too."""
        manager = self.device_manager or self._fallback
        if manager.detect_framework() is not None:
            return batch
        return manager.to_device(batch, None if self.device_manager else device)
