"""What is wrong with the arrays of a volume."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cellmap_data.errors import StoreError
from cellmap_data.image.axes import StoredAxes
from cellmap_data.storage import ArrayInfo, join


def array_faults(
    uri: str, paths: Iterable[str], axes: StoredAxes | None, describe: Callable[[str], ArrayInfo]
) -> list[StoreError]:
    """What is wrong with the arrays of a volume: those that cannot be described, or have other axes.

    Parameters
    ----------
    uri : str
        The group.
    paths : iterable of str
        Of the arrays, within the group.
    axes : StoredAxes, optional
        What the metadata says of their axes; None where that is not known.
    describe : callable
        Asked for each.
    """
    faults = []
    for path in dict.fromkeys(paths):
        place = join(uri, path)
        try:
            info = describe(place)
            if axes is not None:
                axes.check(place, info.shape)
        except StoreError as error:
            faults.append(error)
    return faults
