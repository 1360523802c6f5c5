"""The table of spatial transforms, and what a user's choice from it amounts to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.elastic import Elastic
from cellmap_data.spatial.lattice import PatchSpec
from cellmap_data.spatial.motion import Motion
from cellmap_data.spatial.transforms import Fits, Mirror, Rotate, SpatialTransform, Transpose

TransformTable: TypeAlias = dict[str, Callable[[Any], SpatialTransform]]
"""Name -> what makes the transform from the options the user wrote under that name."""


def spatial_table() -> TransformTable:
    """A fresh table of the transforms that come with the package; plugins add theirs to it."""
    return {
        "elastic": Elastic.from_options,
        "mirror": Mirror.from_options,
        "transpose": Transpose.from_options,
        "rotate": Rotate.from_options,
    }


@dataclass(frozen=True, slots=True)
class SpatialTransforms:
    """The spatial transforms of a dataset, in the order in which they draw and act.

    That order is elastic, mirror, transpose, rotate, then others by name: it does not depend on how the
    user's dictionary was written, so neither do the samples.
    """

    transforms: tuple[SpatialTransform, ...] = ()

    @classmethod
    def from_options(
        cls,
        options: Mapping[str, Any] | None,
        table: Mapping[str, Callable[[Any], SpatialTransform]] | None = None,
    ) -> SpatialTransforms:
        """Read what a user wrote, for example ``{"mirror": {"x": True}, "rotate": {"z": 45}}``.

        Parameters
        ----------
        options : mapping, optional
            Name -> options; absent or empty for none.
        table : mapping, optional
            What the names mean; :func:`spatial_table` by default.

        Raises
        ------
        ConfigurationError
            Naming everything that is wrong, in one message.
        """
        table = table or spatial_table()
        transforms, faults = [], []
        for name, given in sorted(_named(options).items(), key=_order):
            try:
                transforms.append(_entry(table, name)(given))
            except ConfigurationError as error:
                faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise ConfigurationError("\n".join(map(str, faults)))
        return cls(tuple(transforms))

    def draw(self, rng: np.random.Generator, patches: Sequence[PatchSpec], fits: Fits) -> Motion:
        """Draw the one motion that moves all ``patches`` of a sample; equal generators give equal motions."""
        motion = Motion.identity()
        for transform in self.transforms:
            motion = motion.then(transform.draw(rng, patches, fits))
        return motion


def _named(options: Any) -> Mapping[str, Any]:
    """What a user wrote as a mapping.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            message(
                "Spatial transforms are given as a mapping.",
                place="spatial_transforms",
                expected='name -> options, as in {"mirror": {"x": 0.5}}',
                got=options,
            )
        )
    return options


def _order(entry: tuple[str, Any]) -> tuple[int, str]:
    """The place of an entry among the others: those of the package first, in the order of their table."""
    name, builtin = entry[0], list(spatial_table())
    return builtin.index(name) if name in builtin else len(builtin), str(name)


def _entry(
    table: Mapping[str, Callable[[Any], SpatialTransform]], name: str
) -> Callable[[Any], SpatialTransform]:
    """The entry of that name.

    Raises
    ------
    ConfigurationError
        With the nearest name there is.
    """
    if name not in table:
        near = get_close_matches(str(name), table, n=1)
        raise ConfigurationError(
            message(
                "There is no such spatial transform.",
                place="spatial_transforms",
                expected=sorted(table),
                got=repr(name),
                hint=f"did you mean {near[0]!r}?" if near else "",
            )
        )
    return table[name]
