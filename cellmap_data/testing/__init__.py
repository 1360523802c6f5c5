"""For authors of plugins: small volumes."""

from cellmap_data.testing.volumes import ramp, write_crop, write_labels, write_volume

__all__ = ["ramp", "write_crop", "write_labels", "write_volume"]
