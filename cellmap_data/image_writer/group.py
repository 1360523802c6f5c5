"""The multiscale group around an output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellmap_data.errors import ConfigurationError, StoreNotFoundError, message
from cellmap_data.ngff import Axis, Level, listed_paths, parse_multiscale, with_levels, zarr_format
from cellmap_data.storage import (
    Objects,
    change_attributes,
    join,
    make_group,
    make_groups,
    node_at,
    read_attributes,
    remove_all,
)

_FILES = {2: (".zattrs", ".zgroup", ".zmetadata"), 3: ("zarr.json",)}


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """A group that levels are put into and taken out of; what else is in it is left alone.

    Attributes
    ----------
    uri : str
        Path of the group.
    name : str
        Of the volume.
    version : str
        Of NGFF.
    axes : tuple of Axis
        Of each level.
    channels : tuple of str
        Names of the channels, if they have any.
    context : object
        How to reach the store.
    """

    uri: str
    name: str
    version: str
    axes: tuple[Axis, ...]
    channels: tuple[str, ...]
    context: Any

    def coarser_than(self, number: int) -> list[str]:
        """The paths of listed levels that are called ``s`` and a greater number."""
        numbers = {path: re.fullmatch(r"s(\d+)", path) for path in listed_paths(self._attributes())}
        return [path for path, match in numbers.items() if match and int(match[1]) > number]

    def check(self, replaced: Sequence[str], *, may_change: bool) -> None:
        """Refuse a group in which an output has no place.

        Parameters
        ----------
        replaced : sequence of str
            The levels that will be new.
        may_change : bool
            Whether a group that holds nothing else may be put into another format.

        Raises
        ------
        ConfigurationError
            If it is an array, or a group in another format.
        """
        found, kind = node_at(self.uri, self.context)
        wrong = "an array" if kind == "array" else ""
        if kind == "group" and found != zarr_format(self.version):
            others = sorted(set(listed_paths(self._attributes())) - set(replaced))
            if others or not may_change:
                wrong = f"a group of zarr v{found}" + (f" with {', '.join(others)}" if others else "")
        if wrong:
            raise ConfigurationError(
                message(
                    "The group cannot take the output.",
                    place=self.uri,
                    expected=f"nothing, or a group of zarr v{zarr_format(self.version)} "
                    f"for ngff={self.version!r}",
                    got=wrong,
                    hint="nothing was changed; write to another group, or in the version that is there",
                )
            )

    def make(self, replaced: Sequence[str]) -> None:
        """Make the group and those around it; levels that are to be new are no longer listed."""
        version = zarr_format(self.version)
        make_groups(self.uri, version, self.context)
        found, _ = node_at(self.uri, self.context)
        kept = {}
        if found not in (0, version):
            kept = {k: v for k, v in self._attributes().items() if k not in ("ome", "multiscales")}
            objects = Objects(self.uri, self.context)
            for name in _FILES[found]:
                objects.delete(name)
        make_group(self.uri, version, self.context)
        if kept:
            change_attributes(self.uri, version, lambda new: {**kept, **new}, self.context)
        self.change([], replaced)

    def remove(self, paths: Sequence[str]) -> None:
        """Take levels out of the metadata, then remove those of them that are arrays."""
        self.change([], paths)
        for path in dict.fromkeys(paths):
            uri = join(self.uri, path)
            if node_at(uri, self.context)[1] == "array":
                remove_all(uri, self.context)

    def change(self, levels: Sequence[Level], without: Sequence[str] = ()) -> None:
        """List levels, and others no longer."""
        listed = listed_paths(self._attributes())
        if not levels and not set(without) & set(listed):
            return
        change_attributes(
            self.uri,
            zarr_format(self.version),
            lambda old: with_levels(
                old, self.version, self.name, self.axes, levels, without, channels=self.channels
            ),
            self.context,
        )

    def find(self, path: str) -> Level | None:
        """What the metadata says of a level, if it lists it; MetadataError if it cannot be read."""
        attributes = self._attributes()
        if path not in listed_paths(attributes):
            return None
        volume = parse_multiscale(self.uri, attributes)
        return next((level for level in volume.levels if level.path == path), None)

    def _attributes(self) -> dict[str, Any]:
        try:
            return read_attributes(self.uri, self.context)
        except StoreNotFoundError:
            return {}
