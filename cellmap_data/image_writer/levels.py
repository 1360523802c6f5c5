"""Coarser levels, made block by block from the level before."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import tensorstore as ts

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer.conversion import Conversion
from cellmap_data.image_writer.layout import OutputLayout
from cellmap_data.image_writer.output import Output
from cellmap_data.spatial import AXES
from cellmap_data.storage import ZarrWriter, join

Downsampling: TypeAlias = Literal["mean", "mode", "nearest"]
"""How voxels make a coarser one.

"mean": their average, for intensities and probabilities. "mode": the value that most of them have, for
labels. "nearest": the first of them.
"""

_METHODS: Mapping[Downsampling, Literal["mean", "mode", "stride"]] = {
    "mean": "mean",
    "mode": "mode",
    "nearest": "stride",
}
_WINDOW = 2  # blocks on their way; each takes the memory of up to eight finer ones


def downsampling_for(asked: str | None, dtype: np.dtype[Any], conversion: Conversion) -> Downsampling:
    """The method asked for, or the one that goes with the values.

    Floats are averaged, and integers that stand for 0..1; other integers are taken for labels.

    Raises
    ------
    ConfigurationError
        If there is no such method.
    """
    if asked is None:
        return "mean" if dtype.kind == "f" or (conversion == "unit" and dtype.kind != "b") else "mode"
    if asked not in get_args(Downsampling):
        expected = ", ".join(map(repr, get_args(Downsampling)))
        raise ConfigurationError(message("Unknown downsampling.", expected=expected, got=repr(asked)))
    return asked  # type: ignore[return-value]


def write_levels(output: Output, finest: ZarrWriter, downsampling: Downsampling) -> None:
    """Write the coarser levels of an output that is complete, and then list them in its metadata.

    Levels of an earlier call are removed first. The memory it takes is that of a few blocks.

    Raises
    ------
    StoreError
        If the store fails; the levels are not listed then.
    """
    output.group.remove(output.coarser)
    layouts, source, layout = [], finest, output.layout
    for path in output.coarser:
        finer, layout = layout, layout.halved()
        uri = join(output.group.uri, path)
        target = ZarrWriter(uri, layout.array, output.context, create=True)
        _write_level(source, finer, target, layout, downsampling)
        layouts.append(layout)
        source = target
    output.list_levels(layouts)


def _write_level(
    source: ZarrWriter,
    finer: OutputLayout,
    target: ZarrWriter,
    layout: OutputLayout,
    downsampling: Downsampling,
) -> None:
    channels = [] if layout.channels is None else [1]
    factors = [*channels, *(f for f, axis in zip(finer.factors, AXES, strict=True) if axis in layout.axes)]
    coarse = ts.downsample(source.store, factors, _METHODS[downsampling])
    pending: deque[tuple[Any, Any]] = deque()
    for box in layout.blocks:
        index = layout.index(box)
        pending.append((index, coarse[index].read()))
        if len(pending) == _WINDOW:
            _finish(target, *pending.popleft())
    while pending:
        _finish(target, *pending.popleft())


def _finish(target: ZarrWriter, index: Any, values: Any) -> None:
    target.write(index, values.result())
