"""``cellmap-data demo``: a small 3-D U-Net learns nuclei, through the loader with plugins."""

from cellmap_data.cli.demo.command import demo

__all__ = ["demo"]
