"""One picture of a figure: a section of a volume, drawn into axes of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt
import torch

from cellmap_data.errors import ConfigurationError, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Section: TypeAlias = npt.NDArray[Any]
"""[y, x]."""

Limits: TypeAlias = Sequence[float] | None
"""The values at the ends of the colours, (low, high); None for the least and the largest of each picture."""


def draw_input(panels: Sequence[Axes], values: torch.Tensor, output: torch.Tensor, clim: Limits) -> None:
    """Draw an input as a whole, with a frame where the output lies, and the part in the frame."""
    from matplotlib.patches import Rectangle

    window = _volume(output).shape
    section = section_of(values, window[0])
    (y, height), (x, width) = (((n - m) // 2, m) for n, m in zip(section.shape, window[1:], strict=True))
    draw(panels[0], "Full FOV", section, clim, "gray")
    # A pixel is centred on its index, so its corner lies half a pixel before.
    panels[0].add_patch(Rectangle((x - 0.5, y - 0.5), width, height, edgecolor="r", facecolor="none"))
    part = section[max(y, 0) : y + height, max(x, 0) : x + width]
    draw(panels[1], "Raw", part, clim, "gray")


def draw(axes: Axes, title: str, section: Section, clim: Limits, cmap: str | None = None) -> AxesImage:
    """Draw one picture with a title and nothing around it."""
    low, high = (None, None) if clim is None else clim
    drawn = axes.imshow(section, cmap=cmap, vmin=low, vmax=high)
    axes.set_axis_off()
    axes.set_title(title)
    return drawn


def section_of(values: torch.Tensor, depth: int | None = None) -> Section:
    """The middle section of a volume, or of the ``depth`` sections in its middle."""
    volume = _volume(values)
    window = len(volume) if depth is None else depth
    middle = min(max((len(volume) - window) // 2 + window // 2, 0), len(volume) - 1)
    section: Section = volume[middle].detach().cpu().to(torch.float64).numpy()
    return section


def _volume(values: torch.Tensor) -> torch.Tensor:
    """The values as z, y, x; axes of length 1 come and go."""
    while values.ndim > 3 and 1 in values.shape:
        values = values.squeeze(values.shape.index(1))
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3:
        raise ConfigurationError(
            message("A picture shows y, x or a section of z, y, x.", got=f"the shape {tuple(values.shape)}")
        )
    return values
