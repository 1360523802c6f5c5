"""``cellmap-data plugins``: what is installed, and in which order it is called."""

from cellmap_data.cli.plugins.command import plugins

__all__ = ["plugins"]
