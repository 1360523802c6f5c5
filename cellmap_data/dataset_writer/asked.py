"""What a user asks of a writer, checked and frozen: arrays, classes, and the space to write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cellmap_data.config import ArraySpec, TargetPath, as_range, parse_arrays, raise_faults
from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial import AXES
from cellmap_data.storage import join, real_path

Bounds: TypeAlias = Mapping[str, Mapping[str, Sequence[float]]]
"""``{array: {axis: (lo, hi)}}``, nm."""

_RULE = "This cannot be written."

Ranges: TypeAlias = tuple[tuple[float, float] | None, ...]
"""What to write along z, y, x, nm; None for all of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One output array of a model.

    Attributes
    ----------
    spec : ArraySpec
        Its name, shape and voxel size.
    channels : int or None
        Channels of every class; None for arrays without an axis of channels.
    bounds : Ranges
        What of it is written.
    """

    spec: ArraySpec
    channels: int | None
    bounds: Ranges


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be written, and what of a model's output it is.

    Attributes
    ----------
    path : str
        Where the classes are written.
    classes : tuple of str
        What is written.
    model_classes : tuple of str
        The channels of a model's output, in order; holds all ``classes``.
    targets : tuple of Target
        The arrays.
    """

    path: str
    classes: tuple[str, ...]
    model_classes: tuple[str, ...]
    targets: tuple[Target, ...]

    @classmethod
    def parse(
        cls,
        path: str,
        classes: Sequence[str],
        model_classes: Sequence[str] | None,
        inputs: ArrayOptions,
        targets: ArrayOptions,
        bounds: Bounds | None,
    ) -> Asked:
        """Check what a user wrote.

        Raises
        ------
        ConfigurationError
            Listing everything that cannot be right.
        """
        of_model = _names(classes if model_classes is None else model_classes)
        faults = list(_class_faults(classes, of_model))
        if not isinstance(targets, Mapping) or not targets:
            faults.append("target_arrays: there must be at least one array to write, in a mapping")
        raise_faults(ConfigurationError, _RULE, faults, place=str(path))
        plain = {name: without_channels(options) for name, options in targets.items()}
        faults += [
            f"target_bounds: there is no target array {name!r}"
            for name in bounds or {}
            if name not in targets
        ]
        raise_faults(ConfigurationError, _RULE, faults, place=str(path))
        _, specs = parse_arrays({name: without_channels(o) for name, o in inputs.items()}, plain)
        found = []
        for spec in specs:
            ranges = _ranges(spec.name, (bounds or {}).get(spec.name), faults)
            found.append(Target(spec, _channels(targets[spec.name], len(of_model)), ranges))
        raise_faults(ConfigurationError, _RULE, faults, place=str(path))
        return cls(str(path), tuple(classes), of_model, tuple(found))

    def group(self, array: str, name: str) -> str:
        """Where the multiscale group of one class of one array is.

        ``path/class``, and ``path/array/class`` where there are several arrays. A path with brackets,
        ``base/[c1,c2]suffix``, means what it means to a dataset that reads it.
        """
        if "[" in self.path:
            labels = TargetPath.parse(self.path)
            if len(self.targets) == 1:
                return labels.of(name)
            return join(labels.base, array, name + labels.suffix)
        return join(self.path, *([array] if len(self.targets) > 1 else []), name)

    def check_apart(self, raw: str) -> None:
        """ConfigurationError if the volume that is read is one of those that would be written."""
        for target in self.targets:
            for name in self.classes:
                group = self.group(target.spec.name, name)
                if real_path(group) == real_path(raw):
                    raise ConfigurationError(
                        message(
                            "What is read is not written to.",
                            place=group,
                            expected="another path than that of raw",
                            hint="nothing was changed; give another target_path",
                        )
                    )


def without_channels(options: Any) -> Any:
    """The shape and scale of an array without a leading number of channels."""
    if not isinstance(options, Mapping) or not {"shape", "scale"} <= set(options):
        return options
    shape, scale = (
        list(options[key]) if _is_row(options[key]) else options[key] for key in ("shape", "scale")
    )
    if _is_row(shape) and len(shape) > len(AXES):
        shape = shape[1:]
    if _is_row(scale) and len(scale) > len(AXES):
        scale = scale[1:]
    return {**options, "shape": shape, "scale": scale}


def _is_row(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _channels(options: Mapping[str, Sequence[float]], of_model: int) -> int | None:
    """How many channels each class has; a leading number that counts the model's classes is none of them."""
    shape = options["shape"]
    if len(shape) <= len(AXES):
        return None
    channels = int(shape[0])
    return None if channels == 1 or channels == of_model else channels


def _names(names: Any) -> tuple[Any, ...]:
    """What was given as names of classes; of anything else a fault can be told."""
    return tuple(names) if isinstance(names, Iterable) else (names,)


def _class_faults(classes: Sequence[str], of_model: Sequence[str]) -> list[str]:
    faults = []
    for what, names in (("classes", classes), ("model_classes", of_model)):
        texts = all(isinstance(name, str) for name in _names(names))
        if isinstance(names, str) or not texts or not names or len(set(names)) < len(names):
            faults.append(f"{what}: expected a list of different names, got {names!r}")
    missing = [name for name in _names(classes) if name not in of_model]
    if missing and not faults:
        faults.append(f"classes: the model has {list(of_model)} and none of {missing}")
    return faults


def _ranges(array: str, bounds: Mapping[str, Sequence[float]] | None, faults: list[str]) -> Ranges:
    if not isinstance(bounds, Mapping | None):
        faults.append(f"target_bounds[{array!r}]: expected {{axis: (lo, hi)}} in nm, got {bounds!r}")
        bounds = None
    unknown = sorted(set(bounds or {}) - set(AXES))
    if unknown:
        faults.append(f"target_bounds[{array!r}]: expected the axes z, y, x, got {unknown}")
    ranges = []
    for axis in AXES:
        given = (bounds or {}).get(axis)
        found = None if given is None else as_range(given)
        if given is not None and found is None:
            faults.append(
                f"target_bounds[{array!r}][{axis!r}]: expected (lo, hi) in nm, finite, lo < hi, "
                f"or nothing for all of raw, got {given!r}"
            )
        ranges.append(found)
    return tuple(ranges)
