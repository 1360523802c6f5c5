"""What a user asked of one crop, checked and frozen."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from cellmap_data.config import ArraySpec, Pad, TargetPath, parse_arrays, raise_faults
from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.errors import ConfigurationError, UnannotatedWarning, message


def known_key(target: str) -> str:
    """The key under which native samples say which classes of a target are known."""
    return f"{target}_known"


class Contents(NamedTuple):
    """What samples hold: the classes, name and spatial shape of each array, and whether values are native."""

    classes: tuple[str, ...]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    targets: tuple[tuple[str, tuple[int, ...]], ...]
    native: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What the samples of one crop are made of.

    Attributes
    ----------
    raw : str
        Path of the raw volume.
    labels : TargetPath or None
        Where the labels are; None for raw only.
    classes : tuple of str
        The channels of every target, in order.
    inputs, targets : tuple of ArraySpec
        The arrays of a sample.
    exclusive : dict
        For a class without annotation: the annotated classes of this crop that exclude it.
    pad : Pad
        What happens at the edges of the volumes.
    native : bool
        Whether values are delivered as they are stored.
    """

    raw: str
    labels: TargetPath | None
    classes: tuple[str, ...]
    inputs: tuple[ArraySpec, ...]
    targets: tuple[ArraySpec, ...]
    exclusive: dict[str, tuple[str, ...]]
    pad: Pad
    native: bool

    @classmethod
    def parse(
        cls,
        raw_path: str,
        target_path: str | None,
        classes: Sequence[str] | None,
        input_arrays: ArrayOptions,
        target_arrays: ArrayOptions | None,
        class_relation_dict: Mapping[str, Iterable[str]] | None,
        pad: bool | str,
        native: bool,
    ) -> Request:
        """Check what a user wrote.

        Raises
        ------
        ConfigurationError
            If arrays, classes or paths cannot be right.
        """
        raw_only = not target_arrays or classes is None
        inputs, targets = parse_arrays(input_arrays, None if raw_only else target_arrays)
        if native:
            _check_known(inputs, targets)
        names, edges = _class_names(classes or ()), Pad.parse(pad)
        if raw_only:
            return cls(str(raw_path), None, names, inputs, (), {}, edges, native)
        labels = TargetPath.parse(_target_path(target_path))
        relations = class_relation_dict or {}
        exclusive = {
            name: tuple(other for other in labels.annotated if other in relations.get(name, ()))
            for name in names
            if name not in labels.annotated
        }
        exclusive = {name: others for name, others in exclusive.items() if others}
        return cls(str(raw_path), labels, names, inputs, targets, exclusive, edges, native)

    @property
    def contents(self) -> Contents:
        """What the samples hold."""
        inputs = tuple((spec.name, spec.spatial) for spec in self.inputs)
        targets = tuple((spec.name, spec.spatial) for spec in self.targets)
        return Contents(self.classes, inputs, targets, self.native)

    @property
    def annotated(self) -> tuple[str, ...]:
        """The classes of the samples that were annotated in this crop."""
        return tuple(c for c in self.classes if self.labels is not None and c in self.labels.annotated)

    @property
    def needed(self) -> tuple[str, ...]:
        """The annotated classes to read: those of the samples, then those that only exclude one of them."""
        excluding = (other for others in self.exclusive.values() for other in others)
        return tuple(dict.fromkeys((*self.annotated, *excluding)))

    @property
    def volumes(self) -> tuple[str, ...]:
        """The paths of all volumes that are read."""
        return (self.raw, *(self.labels.of(name) for name in self.needed if self.labels is not None))

    def warn_if_nothing_is_annotated(self) -> None:
        """Warn of targets that are unknown everywhere: one crop of many may be so, or a class misspelt."""
        if self.targets and self.labels is not None and not self.needed:
            near = [
                f"{match} for {name}"
                for name in self.classes
                for match in get_close_matches(name, self.labels.annotated, 1)
            ]
            warnings.warn(
                f"None of the classes {list(self.classes)} is annotated in {self.labels.base}, but "
                f"{list(self.labels.annotated)}: all targets of this crop will be unknown (NaN)."
                + (f" Did you mean {', '.join(near)}?" if near else ""),
                UnannotatedWarning,
                stacklevel=3,
            )


def _check_known(inputs: Sequence[ArraySpec], targets: Sequence[ArraySpec]) -> None:
    """Refuse arrays with the names that native samples use for what is known.

    Raises
    ------
    ConfigurationError
        Naming all of them.
    """
    names = {spec.name for spec in (*inputs, *targets)}
    faults = [
        f"{known_key(spec.name)!r} names an array, and says what is known of {spec.name!r}"
        for spec in targets
        if known_key(spec.name) in names
    ]
    raise_faults(
        ConfigurationError, "A sample has one value for each key.", faults, hint="rename one of the arrays"
    )


def _class_names(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(classes) if isinstance(classes, Iterable) else (classes,)
    texts = all(isinstance(name, str) for name in names)
    if isinstance(classes, str) or not texts or len(set(names)) < len(names):
        raise ConfigurationError(
            message("Classes are a list of different names.", expected='["nuc", "mito"]', got=repr(classes))
        )
    return names


def _target_path(path: str | None) -> str:
    if not path:
        raise ConfigurationError(
            message(
                "Targets need labels.",
                expected="a target_path for the target_arrays",
                got=repr(path),
                hint="leave target_arrays empty, or classes None, for raw only",
            )
        )
    return str(path)
