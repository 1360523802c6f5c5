"""The ``cellmap-data`` command. Plugins add commands of their own through the hook ``add_commands``."""

from cellmap_data.cli.app import build_app, main

__all__ = ["build_app", "main"]
