"""``cellmap-data plugins``: what is installed, in which order it is called, and whether one works."""

from cellmap_data.cli.plugins.command import plugins

__all__ = ["plugins"]
