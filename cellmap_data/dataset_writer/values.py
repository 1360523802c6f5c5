"""From what a model returns to the arrays that are written: by output, by class, along z, y, x."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from cellmap_data.dataset_writer.asked import Asked
from cellmap_data.dataset_writer.outputs import Output
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer import as_array
from cellmap_data.spatial import Shape, VoxelBox

Array: TypeAlias = npt.NDArray[Any]


class Given(NamedTuple):
    """The values of one class of one output for every sample of a batch: [B, (channels,) z, y, x]."""

    output: int
    name: str
    values: Array


def given_values(
    values: Any, asked: Asked, outputs: Sequence[Output], shapes: Sequence[Shape], batch: int
) -> Iterator[Given]:
    """Take apart what a model returned for a batch.

    Parameters
    ----------
    values : tensor, array, number or mapping
        ``{output: {class: t}}``, ``{output: t}``, or with one output ``{class: t}`` or ``t``. A tensor ``t``
        of an output has the model's classes as channels, [B, classes, ...]; one of a class has [B, ...].
        Axes of length 1 may be there or not. A number stands for an array full of it.
    asked, outputs
        What is to be written. Classes of the model that are not are passed over.
    shapes : sequence of Shape
        The patch of each output.
    batch : int
        The number of samples.

    Yields
    ------
    Given
        What was found, not necessarily of all classes.

    Raises
    ------
    ConfigurationError
        If names are unknown or shapes do not fit.
    """
    for number, of_output in _by_output(values, asked, outputs):
        output = outputs[number]
        patch = (*(() if output.channels is None else (output.channels,)), *shapes[number])
        for name, of_class in _by_class(of_output, output, patch, asked, batch):
            place = f"output {output.name!r}, class {name!r}"
            yield Given(number, name, _fitted(of_class, (batch, *patch), place))


def _by_output(values: Any, asked: Asked, outputs: Sequence[Output]) -> Iterator[tuple[int, Any]]:
    names = [output.name for output in outputs]
    if isinstance(values, Mapping) and values and set(values) <= set(names):
        yield from ((names.index(name), of_output) for name, of_output in values.items())
    elif len(outputs) == 1 and not (isinstance(values, Mapping) and set(values) - set(asked.model_classes)):
        yield 0, values
    else:
        raise ConfigurationError(
            message(
                "The values to write must say what they are of.",
                expected=f"a mapping with some of the outputs {names}"
                + (f", or of the classes {list(asked.model_classes)}" if len(names) == 1 else ""),
                got=list(values) if isinstance(values, Mapping) else type(values).__name__,
            )
        )


def _by_class(
    values: Any, output: Output, patch: tuple[int, ...], asked: Asked, batch: int
) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        unknown = sorted(set(values) - set(asked.model_classes))
        if unknown or not values:
            raise ConfigurationError(
                message(
                    "Only classes that the model has can be written.",
                    place=f"output {output.name!r}",
                    expected=list(asked.model_classes),
                    got=list(values),
                )
            )
        yield from ((name, of_class) for name, of_class in values.items() if name in asked.classes)
        return
    lead = batch, len(asked.model_classes)
    if tuple(getattr(values, "shape", ())[:2]) == lead:  # what is not written need not leave its device
        channels = values
    else:
        channels = _fitted(values, (*lead, *patch), f"output {output.name!r}")
    for name in asked.classes:
        yield name, channels[:, asked.model_classes.index(name)]


def _fitted(values: Any, wanted: tuple[int, ...], place: str) -> Array:
    """The values as an array of a shape, from which they may differ by axes of length 1."""
    array = as_array(values)
    if array.ndim == 0:
        return np.broadcast_to(array, wanted)
    if [n for n in array.shape if n != 1] != [n for n in wanted if n != 1]:
        raise ConfigurationError(
            message(
                "The values to write must be of the shape of what they are written to.",
                place=place,
                expected=f"{wanted}: samples, then classes or channels where there are several, then z, y, x",
                got=tuple(array.shape),
            )
        )
    return array.reshape(wanted)


def cut(values: Array, box: VoxelBox, first: Shape) -> Array:
    """The part of a patch, [(channels,) z, y, x], that lies in a box; ``first`` is its first voxel."""
    return values[(..., *box.seen_from(first).slices)]
