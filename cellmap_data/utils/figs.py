"""Pictures of what goes into a model and what comes out. Needs matplotlib: ``cellmap-data[figs]``.

A picture of a volume is its middle section along z. Figures are made without ``pyplot``: they need no
display, open no window, and are freed like any other object when nobody refers to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.utils.panels import Limits, draw, draw_input, section_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def get_image_grid(
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    outputs: torch.Tensor,
    classes: Sequence[str],
    batch_size: int | None = None,
    fig_size: int = 3,
    clim: Limits = None,
    cmap: str | None = None,
) -> Figure:
    """Draw a row for each sample: the input, its part under the output, and target and output of each class.

    Parameters
    ----------
    input_data : Tensor
        Shape (batch, channels, *spatial), of which the first channel is shown; spatial is y, x or z, y, x.
    target_data, outputs : Tensor
        Shape (batch, classes, *spatial), of equal size and centred in the input, of the same voxel size.
    classes : sequence of str
        Names of the first channels.
    batch_size : int, optional
        Show so many samples, or all if there are fewer.
    fig_size : int
        Edge of a picture in inches, of 100 pixels each.
    clim : sequence of float, optional
        (low, high): the values at the ends of the colours of all pictures; None for each picture's own.
    cmap : str, optional
        The colour map of targets and outputs. Unknown labels, NaN, stay blank.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigurationError
        If there is no sample, or the tensors do not go together.
    """
    rows = _rows(input_data, target_data, outputs, classes, batch_size)
    columns = 2 + 2 * len(classes)
    figure = _figure(fig_size * columns, fig_size * rows)
    for row, panels in enumerate(figure.subplots(rows, columns, squeeze=False)):
        draw_input(panels[:2], input_data[row][0], outputs[row][0], clim)
        for channel, name in enumerate(classes):
            truth, prediction = panels[2 + 2 * channel : 4 + 2 * channel]
            draw(truth, f"GT {name}", section_of(target_data[row][channel]), clim, cmap)
            draw(prediction, f"Pred. {name}", section_of(outputs[row][channel]), clim, cmap)
    return figure


def get_image_grid_numpy(
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    outputs: torch.Tensor,
    classes: Sequence[str],
    batch_size: int | None = None,
    fig_size: int = 3,
    clim: Limits = None,
    cmap: str | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw :func:`get_image_grid` as an array, uint8 of shape (height, width, 4): red, green, blue, alpha."""
    grid = get_image_grid(input_data, target_data, outputs, classes, batch_size, fig_size, clim, cmap)
    return fig_to_image(grid)


def get_fig_dict(
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    outputs: torch.Tensor,
    classes: Sequence[str],
    batch_size: int | None = None,
    fig_size: int = 3,
    clim: Limits = None,
    colorbar: bool = True,
    colorbar_size: float = 0.1,
    gt_clim: Limits = (0, 1),
) -> dict[str, Figure]:
    """Draw a figure for each class, with a row for each sample.

    A row shows the input, its part under the output, the target and the output.

    Parameters
    ----------
    input_data, target_data, outputs, classes, batch_size, fig_size
        As for :func:`get_image_grid`.
    clim : sequence of float, optional
        (low, high): the ends of the colours of inputs and outputs; None for each picture's own.
    colorbar : bool
        Say which colours of an output are which values.
    colorbar_size : float
        Its width, as a part of that of a picture.
    gt_clim : sequence of float, optional
        The ends of the colours of targets.

    Returns
    -------
    dict
        ``{class: matplotlib.figure.Figure}``.

    Raises
    ------
    ConfigurationError
        If there is no sample, or the tensors do not go together.
    """
    rows = _rows(input_data, target_data, outputs, classes, batch_size)
    widths = [1.0] * 4 + [colorbar_size] * colorbar
    figures = {}
    for channel, name in enumerate(classes):
        figures[name] = figure = _figure(fig_size * sum(widths), fig_size * rows)
        grid = figure.subplots(rows, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
        for row, panels in enumerate(grid):
            draw_input(panels[:2], input_data[row][0], outputs[row][channel], clim)
            draw(panels[2], f"GT {name}", section_of(target_data[row][channel]), gt_clim)
            drawn = draw(panels[3], f"Pred. {name}", section_of(outputs[row][channel]), clim)
            if colorbar:
                figure.colorbar(drawn, cax=panels[4])
                panels[4].set_title("Intensity")
    return figures


def get_image_dict(
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    outputs: torch.Tensor,
    classes: Sequence[str],
    batch_size: int | None = None,
    fig_size: int = 3,
    clim: Limits = None,
    colorbar: bool = True,
) -> dict[str, npt.NDArray[np.uint8]]:
    """Draw :func:`get_fig_dict` as arrays, uint8 of shape (height, width, 4), by class."""
    figures = get_fig_dict(input_data, target_data, outputs, classes, batch_size, fig_size, clim, colorbar)
    return {name: fig_to_image(figure) for name, figure in figures.items()}


def fig_to_image(fig: Figure) -> npt.NDArray[np.uint8]:
    """Draw a figure into an array and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Any figure, of ``pyplot`` too; other figures stay open.

    Returns
    -------
    ndarray
        uint8, shape (height, width, 4): red, green, blue, alpha.
    """
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(fig)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    pyplot.close(fig)
    return pixels


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        error.add_note("Pictures are drawn with matplotlib: pip install 'cellmap-data[figs]'")
        raise
    return Figure(figsize=(width, height), layout="constrained")


def _rows(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    outputs: torch.Tensor,
    classes: Sequence[str],
    batch_size: int | None,
) -> int:
    """How many samples to show."""
    rows = min(len(inputs), len(inputs) if batch_size is None else batch_size)
    enough = all(len(tensor) >= rows and tensor.shape[1] >= len(classes) for tensor in (targets, outputs))
    if rows < 1 or not classes or not enough:
        shapes = {"input": inputs, "target": targets, "output": outputs}
        raise ConfigurationError(
            message(
                "There is nothing to draw, or not for every class.",
                expected=f"a sample at least, and {len(classes) or 'some'} classes in target and output",
                got=", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in shapes.items()),
            )
        )
    return rows
