"""N5 volumes for cellmap-data: the hook ``open_array``, answered for groups and for arrays."""

from __future__ import annotations

from typing import Any

from cellmap_data.hookspecs import hookimpl
from cellmap_data.storage import ArrayReader, GroupReader
from cellmap_data_n5.metadata import N5Group, read_group
from cellmap_data_n5.reader import N5Array, read_n5_attributes

__all__ = ["N5Array", "N5Group", "N5Volumes", "read_group"]


class N5Volumes:
    """Opens N5 arrays and multiscale groups: paths of which a part ends with ``.n5``."""

    @hookimpl
    def open_array(self, uri: str, context: Any) -> ArrayReader | GroupReader | None:
        """A reader of what is at ``uri``; None if that is no N5."""
        if not any(part.endswith(".n5") for part in uri.split("/")):
            return None
        attributes = read_n5_attributes(uri, context)
        if attributes is None:
            return None
        return N5Array(uri, attributes, context) if "dimensions" in attributes else read_group(uri, context)
