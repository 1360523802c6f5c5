"""Make an output, or join one that is there; remove nothing but what an output is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellmap_data.config import raise_faults
from cellmap_data.errors import ConfigurationError, OutputExistsError, StoreNotFoundError, message
from cellmap_data.image_writer.claim import Claim
from cellmap_data.image_writer.layout import OutputLayout
from cellmap_data.ngff import listed_paths, with_levels
from cellmap_data.storage import (
    Objects,
    ZarrWriter,
    change_attributes,
    forget_cached_chunks,
    join,
    make_group,
    make_groups,
    node_at,
    read_attributes,
    wait_for,
)

RECORDS = ".cellmap-data"
"""The folder in an array in which this package notes whose output it is; zarr looks at chunks alone."""

_CLAIM = f"{RECORDS}/run.json"
_GROUP_FILES = {2: (".zattrs", ".zgroup", ".zmetadata"), 3: ("zarr.json",)}


@dataclass(frozen=True, slots=True)
class Output:
    """One array of a multiscale group that is to be written.

    Attributes
    ----------
    group : str
        Path of the group.
    number : int
        Of the level, which is stored at ``s<number>``.
    name : str
        Of the volume.
    layout : OutputLayout
        What is stored.
    levels : int
        How many levels there will be, this one and coarser ones.
    context : object
        How to reach the store.
    """

    group: str
    number: int
    name: str
    layout: OutputLayout
    levels: int
    context: Any

    @property
    def uri(self) -> str:
        """Path of the array."""
        return join(self.group, self.path(0))

    def path(self, step: int) -> str:
        """Path within the group of the level that is so many steps coarser."""
        return f"s{self.number + step}"

    def open(self, run_id: str, *, resume: bool, overwrite: bool) -> ZarrWriter:
        """The array, made if that is due.

        Raises
        ------
        OutputExistsError
            If there is an array, and neither ``resume`` nor ``overwrite``.
        ConfigurationError
            If what is there is another output, or none of ours to remove.
        StoreError
            If the store fails.
        """
        self._check_group(overwrite=overwrite, resume=resume)
        claim = Claim(Objects(self.uri, self.context), _CLAIM, run_id, self.layout.job, resume, overwrite)
        claim.take(self._exists, self._make)
        writer = ZarrWriter(self.uri, self.layout.array, self.context)
        self._compare(writer)
        return writer

    def list_levels(self, layouts: Sequence[OutputLayout]) -> None:
        """Put the coarser levels, which are written by now, into the metadata."""
        levels = [layout.level(self.path(step)) for step, layout in enumerate(layouts, start=1)]
        self._change(levels, [])

    def remove_coarser(self, *, unlisted: bool) -> None:
        """Take levels coarser than this one out of the metadata, then remove their arrays.

        All that are listed; with ``unlisted`` also those that are to be written, if a run was killed before
        it listed them.
        """
        paths = self._coarser()
        self._change([], paths)
        planned = [self.path(step) for step in range(1, self.levels)] if unlisted else []
        for path in dict.fromkeys([*paths, *planned]):
            uri = join(self.group, path)
            if node_at(uri, self.context)[1] == "array":
                for removal in Objects(uri, self.context).clear(""):
                    while not wait_for(removal, uri, 60):
                        pass
                forget_cached_chunks()

    def _exists(self) -> bool:
        _, kind = node_at(self.uri, self.context)
        foreign = kind == "group"
        if not kind:
            names = Objects(self.uri, self.context).names()
            foreign = any(not name.startswith(f"{RECORDS}/") for name in names)
        if foreign:
            raise ConfigurationError(
                message(
                    "Something other than an array is in the place of an output.",
                    place=self.uri,
                    expected="nothing, or a zarr array",
                    got="a zarr group" if kind else "files that are not zarr",
                    hint="nothing was changed; write elsewhere, or remove it yourself",
                )
            )
        return bool(kind)

    def _make(self) -> None:
        forget_cached_chunks()  # what was there has been removed
        zarr_format = self.layout.zarr_format
        make_groups(self.group, zarr_format, self.context)
        found, _ = node_at(self.group, self.context)
        if found not in (0, zarr_format):
            self._convert_group(found)
        make_group(self.group, zarr_format, self.context)
        self.remove_coarser(unlisted=True)
        ZarrWriter(self.uri, self.layout.array, self.context, create=True)
        self._change([self.layout.level(self.path(0))], [])

    def _check_group(self, *, overwrite: bool, resume: bool) -> None:
        """Refuse a group in which the output has no place; nothing was changed before."""
        found, kind = node_at(self.group, self.context)
        wrong = ""
        if kind == "array":
            wrong = "an array, where a group is expected"
        elif found not in (0, self.layout.zarr_format):
            others = set(self._listed()) - {self.path(0), *self._coarser()}
            if others or not (overwrite or resume):
                wrong = f"a group of zarr v{found}" + (f" with levels {sorted(others)}" if others else "")
        if wrong:
            raise ConfigurationError(
                message(
                    "The group cannot take the output.",
                    place=self.group,
                    expected=f"nothing, or a group of zarr v{self.layout.zarr_format} "
                    f"for ngff={self.layout.version!r}",
                    got=wrong,
                    hint="nothing was changed; write to another group, or in the version that is there",
                )
            )
        coarser = [self.path(step) for step in range(1, self.levels) if self.path(step) in self._listed()]
        if coarser and not (overwrite or resume):
            raise OutputExistsError(
                message(
                    "There are coarser levels already.",
                    place=self.group,
                    got=", ".join(coarser),
                    hint="overwrite=True removes them, or write one level",
                )
            )

    def _convert_group(self, found: int) -> None:
        """Put a group that holds nothing but the old output into the other format, with its attributes."""
        old = read_attributes(self.group, self.context)
        kept = {key: value for key, value in old.items() if key not in ("ome", "multiscales")}
        objects = Objects(self.group, self.context)
        for name in _GROUP_FILES[found]:
            objects.delete(name)
        make_group(self.group, self.layout.zarr_format, self.context)
        change_attributes(self.group, self.layout.zarr_format, lambda new: {**kept, **new}, self.context)

    def _change(self, levels: Sequence[Any], without: Sequence[str]) -> None:
        layout = self.layout
        change_attributes(
            self.group,
            layout.zarr_format,
            lambda old: with_levels(old, layout.version, self.name, layout.stored_axes, levels, without),
            self.context,
        )

    def _listed(self) -> list[str]:
        try:
            return listed_paths(read_attributes(self.group, self.context))
        except StoreNotFoundError:
            return []

    def _coarser(self) -> list[str]:
        numbers = {path: re.fullmatch(r"s(\d+)", path) for path in self._listed()}
        return [path for path, match in numbers.items() if match and int(match[1]) > self.number]

    def _compare(self, writer: ZarrWriter) -> None:
        """Check that the array is what was asked for: others than this package may have made it."""
        found, wanted = writer.description, _description(self.layout)
        faults = [
            f"{key}: expected {wanted[key]}, got {found[key]}" for key in wanted if wanted[key] != found[key]
        ]
        rule = "The array that is there is another one than the one that is to be written."
        raise_faults(ConfigurationError, rule, faults, place=self.uri)


def _description(layout: OutputLayout) -> dict[str, Any]:
    array = layout.array
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "chunks written at once": list(array.block),
        "chunks": list(array.chunk),
        "fill_value": str(array.dtype.type(array.fill_value).item()),
    }
