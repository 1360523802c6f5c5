"""Make an output, or join one that is there; remove nothing but what an output is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cellmap_data.config import raise_faults
from cellmap_data.errors import ConfigurationError, OutputExistsError, message
from cellmap_data.image_writer.claim import Claim
from cellmap_data.image_writer.group import OutputGroup
from cellmap_data.image_writer.layout import OutputLayout
from cellmap_data.spatial.frame import TOLERANCE
from cellmap_data.storage import Objects, ZarrWriter, join, node_at

RECORDS = ".cellmap-data"
"""The folder in an array in which this package notes whose output it is; zarr looks at chunks alone."""

_CLAIM = f"{RECORDS}/run.json"


@dataclass(frozen=True, slots=True)
class Output:
    """One array of a multiscale group that is to be written.

    Attributes
    ----------
    group : OutputGroup
        Its group.
    number : int
        Of the level, which is stored at ``s<number>``.
    layout : OutputLayout
        What is stored.
    levels : int
        How many levels there will be, this one and coarser ones.
    """

    group: OutputGroup
    number: int
    layout: OutputLayout
    levels: int

    @property
    def uri(self) -> str:
        """Path of the array."""
        return join(self.group.uri, self.path(0))

    @property
    def context(self) -> Any:
        """How to reach the store."""
        return self.group.context

    @property
    def coarser(self) -> list[str]:
        """The paths of the coarser levels that are to be written."""
        return [self.path(step) for step in range(1, self.levels)]

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
        replaced = self.group.coarser_than(self.number) if overwrite else []
        self.group.check([self.path(0), *replaced], may_change=overwrite)
        claim = self._claim(run_id, resume=resume, overwrite=overwrite)
        claim.take(self._exists, partial(self._make, replaced), self._adopt)
        writer = ZarrWriter(self.uri, self.layout.array, self.context)
        self._compare(writer)
        return writer

    def made(self) -> str:
        """What tells the array from one that is made anew in its place."""
        return self._claim("", resume=False, overwrite=False).made()

    def list_levels(self, layouts: Sequence[OutputLayout]) -> None:
        """Put the coarser levels, which are written by now, into the metadata."""
        self.group.change([layout.level(path) for path, layout in zip(self.coarser, layouts, strict=True)])

    def _claim(self, run_id: str, *, resume: bool, overwrite: bool) -> Claim:
        objects = Objects(self.uri, self.context)
        return Claim(objects, _CLAIM, run_id, self.layout.job, resume, overwrite, self.context)

    def _exists(self) -> bool:
        """Whether there is anything that would have to be removed or gone on with.

        Raises
        ------
        ConfigurationError
            If there is something that may not be removed.
        """
        _, kind = node_at(self.uri, self.context)
        foreign = "a zarr group" if kind == "group" else ""
        if not kind and any(not name.startswith(f"{RECORDS}/") for name in self._names()):
            foreign = "files that are not zarr"
        if foreign:
            raise ConfigurationError(
                message(
                    "Something other than an array is in the place of an output.",
                    place=self.uri,
                    expected="nothing, or a zarr array",
                    got=foreign,
                    hint="nothing was changed; write elsewhere, or remove it yourself",
                )
            )
        return bool(kind) or any(
            node_at(join(self.group.uri, path), self.context)[0] for path in self.coarser
        )

    def _names(self) -> list[str]:
        return Objects(self.uri, self.context).names()

    def _make(self, replaced: Sequence[str]) -> None:
        """Make the array, where the claim has removed what was there, and list it."""
        self.group.make([self.path(0), *replaced])
        self.group.remove([*replaced, *self.coarser])
        ZarrWriter(self.uri, self.layout.array, self.context, create=True)
        self.group.change([self.layout.level(self.path(0))])

    def _adopt(self) -> None:
        """Go on with an array that somebody else has made, if it lies where this one is to lie."""
        if not node_at(self.uri, self.context)[0]:
            raise OutputExistsError(
                message(
                    "Coarser levels are there, but not the array that they should be made of.",
                    place=self.uri,
                    got=", ".join(self.coarser),
                    hint="nothing was changed; overwrite=True removes them, levels=1 leaves them alone",
                )
            )
        found, wanted = self.group.find(self.path(0)), self.layout.level(self.path(0))
        if found is None:
            self.group.change([wanted])
            return
        names = ("voxel size", "translation")
        pairs = zip(names, (wanted.scale, wanted.translation), (found.scale, found.translation), strict=True)
        slack = [size * TOLERANCE for size in wanted.scale]
        self._raise(
            f"{name}: expected {list(want)}, got {list(got)}"
            for name, want, got in pairs
            if len(want) != len(got) or any(abs(a - b) > e for a, b, e in zip(want, got, slack, strict=True))
        )

    def _compare(self, writer: ZarrWriter) -> None:
        """Check that the array is what was asked for: others than this package may have made it."""
        found, wanted = writer.description, self.layout.array.description
        self._raise(
            f"{key}: expected {wanted[key]}, got {found[key]}" for key in wanted if wanted[key] != found[key]
        )

    def _raise(self, faults: Any) -> None:
        rule = "The array that is there is another one than the one that is to be written."
        raise_faults(ConfigurationError, rule, list(faults), place=self.uri)
