"""A close look at a volume before it is used."""

from __future__ import annotations

from typing import Any

from cellmap_data.config import raise_faults
from cellmap_data.errors import MetadataError
from cellmap_data.image.axes import StoredAxes
from cellmap_data.image.faults import array_faults
from cellmap_data.image.stored import read_multiscale
from cellmap_data.ngff import format_violations
from cellmap_data.storage import ArrayInfo, OpenArray, describe_group, open_array


def check_volume(uri: str, *, hooks: OpenArray | None = None, context: Any = None) -> None:
    """Look at all of a volume that can be seen without reading voxels.

    That is more than reading needs: every level is opened, and the metadata is held against the letter of
    OME-NGFF. Opening arrays starts the threads of the reader, so a process that has checked should not fork.

    Parameters
    ----------
    uri : str
        The group.
    hooks, context : object, optional
        Who is asked first for readers; see :func:`cellmap_data.storage.open_array`.

    Raises
    ------
    StoreError
        If the volume cannot be read; everything that is wrong is listed.
    MetadataError
        If it can be read, but is not as the format demands.
    """

    def described(place: str) -> ArrayInfo:
        reader = open_array(place, hooks=hooks, context=context)
        reader.read((slice(0, 0),) * len(reader.shape))  # opens the array
        return ArrayInfo(tuple(reader.shape), reader.dtype)

    volume = read_multiscale(uri, hooks=hooks, context=context)
    paths = [level.path for level in volume.levels]
    faults = [str(fault) for fault in array_faults(uri, paths, StoredAxes.of(volume.axes), described)]
    attributes = describe_group(uri, hooks=hooks, context=context)
    violations = [f"{fault} (OME-NGFF)" for fault in format_violations(attributes)]
    raise_faults(MetadataError, "A volume is not as it should be.", [*faults, *violations], place=uri)
