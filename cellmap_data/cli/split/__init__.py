"""``cellmap-data split``: makes the table of a split."""

from cellmap_data.cli.split.command import split

__all__ = ["split"]
