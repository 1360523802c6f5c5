"""Where tensors are computed with, how they get there, and memory that is used again on the way."""

from cellmap_data.device.device_manager import DeviceManager

__all__ = ["DeviceManager"]
