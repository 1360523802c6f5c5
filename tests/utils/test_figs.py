"""Pictures of batches: what is shown where, and that nothing stays open."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from cellmap_data.errors import ConfigurationError
from cellmap_data.utils.figs import (
    fig_to_image,
    get_fig_dict,
    get_image_dict,
    get_image_grid,
    get_image_grid_numpy,
)

CLASSES = ("mito", "er")


def tensors(spatial: tuple[int, ...], window: tuple[int, ...], batch: int = 2) -> list[torch.Tensor]:
    """Input, target and output whose values are all different."""
    shapes = [(batch, 1, *spatial), *[(batch, len(CLASSES), *window)] * 2]
    sizes = [int(np.prod(shape)) for shape in shapes]
    return [
        torch.arange(size).reshape(shape).float() + 10_000 * number
        for number, (size, shape) in enumerate(zip(sizes, shapes, strict=True))
    ]


def shown(axes: Any) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def rows_of(figure: Any, columns: int) -> list[list[Any]]:
    return [figure.axes[i : i + columns] for i in range(0, len(figure.axes), columns)]


@pytest.mark.parametrize(
    ("spatial", "window"),
    [((8, 6), (8, 6)), ((5, 8, 6), (5, 8, 6)), ((1, 8, 6), (8, 6)), ((8, 6), (1, 8, 6))],
    ids=["2-D", "3-D", "plane of one voxel", "output of one voxel"],
)
def test_a_grid_shows_input_target_and_output_of_every_class(spatial, window) -> None:
    """A row for each sample: the middle section of each, titled."""
    data = tensors(spatial, window)
    grid = rows_of(get_image_grid(*data, CLASSES), columns=6)
    assert len(grid) == 2
    titles = ["Full FOV", "Raw", "GT mito", "Pred. mito", "GT er", "Pred. er"]
    for row, panels in enumerate(grid):
        assert [panel.get_title() for panel in panels] == titles
        sections = [tensor[row].reshape(tensor.shape[1], -1, 8, 6) for tensor in data]
        middle = [section[:, section.shape[1] // 2] for section in sections]
        expected = [middle[0][0], middle[0][0], middle[1][0], middle[2][0], middle[1][1], middle[2][1]]
        assert all(np.array_equal(shown(a), e) for a, e in zip(panels, expected, strict=True))


@pytest.mark.parametrize("draw", [get_image_grid, get_fig_dict], ids=["grid", "by class"])
@pytest.mark.parametrize(
    ("spatial", "window"),
    [((20, 12), (10, 4)), ((20, 13), (9, 4)), ((8, 20, 12), (4, 10, 4)), ((6, 20, 12), (3, 10, 4))],
    ids=["even", "odd", "volume", "odd volume"],
)
def test_raw_is_the_part_of_the_input_that_the_output_is_about(spatial, window, draw) -> None:
    """Along y, x and z alike: the frame, the part that is cut out, and the section."""
    data = tensors(spatial, window)
    figure = draw(*data, CLASSES)
    figure = figure["mito"] if isinstance(figure, dict) else figure
    full, raw = figure.axes[:2]
    starts = [(n - m) // 2 for n, m in zip(spatial, window, strict=True)]
    volume = data[0][0, 0][tuple(slice(a, a + m) for a, m in zip(starts, window, strict=True))]
    assert np.array_equal(shown(raw), volume if volume.ndim == 2 else volume[window[0] // 2])
    (frame,) = full.patches
    y, x = starts[-2:]
    assert frame.get_bbox().bounds == (x - 0.5, y - 0.5, window[-1], window[-2])


def test_an_output_larger_than_the_input_shows_all_of_it() -> None:
    """There is nothing to cut out, and the frame lies around."""
    data = tensors((4, 4), (8, 8))
    full, raw = get_image_grid(*data, CLASSES).axes[:2]
    assert np.array_equal(shown(full), shown(raw))


def test_a_figure_for_each_class() -> None:
    """Targets between their own limits, outputs between theirs, with a bar of their colours."""
    figures = get_fig_dict(*tensors((8, 6), (8, 6)), CLASSES, clim=(-1, 2))
    assert list(figures) == list(CLASSES)
    for name, figure in figures.items():
        full, raw, truth, prediction, bar = rows_of(figure, columns=5)[0]
        assert [truth.get_title(), prediction.get_title()] == [f"GT {name}", f"Pred. {name}"]
        assert bar.get_title() == "Intensity"
        limits = [panel.images[0].get_clim() for panel in (full, raw, truth, prediction)]
        assert limits == [(-1, 2), (-1, 2), (0, 1), (-1, 2)]
    assert len(get_fig_dict(*tensors((8, 6), (8, 6)), CLASSES, colorbar=False)["er"].axes) == 8


def test_pictures_as_arrays() -> None:
    """Red, green, blue and alpha of 8 bits, 100 pixels an inch."""
    data = tensors((8, 6), (8, 6))
    grid = get_image_grid_numpy(*data, CLASSES, fig_size=1)
    assert grid.dtype == np.uint8
    assert grid.shape == (200, 600, 4)
    assert len(np.unique(grid)) > 10
    pictures = get_image_dict(*data, CLASSES, fig_size=1, colorbar=False)
    assert {name: picture.shape for name, picture in pictures.items()} == dict.fromkeys(
        CLASSES, (200, 400, 4)
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.bfloat16, torch.float16], ids=str)
def test_tensors_of_any_type_on_a_graph(dtype) -> None:
    """Models give half precision, and outputs that want gradients."""
    inputs, targets, outputs = tensors((8, 6), (8, 6))
    grid = get_image_grid_numpy(inputs.to(dtype), targets.to(dtype), outputs.requires_grad_(), CLASSES)
    assert grid.ndim == 3


def test_unknown_labels_stay_blank() -> None:
    """A class that nobody has annotated is NaN everywhere."""
    inputs, targets, outputs = tensors((8, 6), (8, 6))
    picture = get_image_dict(inputs, torch.full_like(targets, torch.nan), outputs, ["mito"])["mito"]
    assert picture.ndim == 3
    assert get_image_grid_numpy(inputs, torch.full_like(targets, torch.nan), outputs, CLASSES).ndim == 3


def test_no_more_samples_are_shown_than_there_are() -> None:
    """The last batch of an epoch may be a short one."""
    data = tensors((8, 6), (8, 6), batch=2)
    assert len(get_image_grid(*data, CLASSES, batch_size=1).axes) == 6
    assert len(get_image_grid(*data, CLASSES, batch_size=9).axes) == 12


def test_figures_of_others_stay_open() -> None:
    """A picture closes what it drew, and only that."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    other, own = pyplot.figure(), pyplot.figure()
    try:
        get_image_dict(*tensors((8, 6), (8, 6)), CLASSES)
        assert pyplot.get_fignums() == [other.number, own.number]
        assert fig_to_image(own).any()
        assert pyplot.get_fignums() == [other.number]
    finally:
        pyplot.close("all")


@pytest.mark.parametrize(
    ("spatial", "classes", "options"),
    [
        ((8, 6), CLASSES, {"batch_size": 0}),
        ((8, 6), ("a", "b", "c"), {}),
        ((8, 6), (), {}),
        ((6,), CLASSES, {}),
    ],
    ids=["no sample", "class without channel", "no class", "one axis"],
)
def test_what_cannot_be_drawn_is_refused(spatial, classes, options) -> None:
    """With the shapes that were given."""
    with pytest.raises(ConfigurationError, match=r"(?s)got.*6"):
        get_image_grid(*tensors(spatial, spatial), classes, **options)


def test_matplotlib_is_imported_only_to_draw_and_its_absence_is_explained() -> None:
    """Importing the functions needs no matplotlib; calling one says what to install."""
    code = (
        "import sys, torch, cellmap_data.utils.figs as figs\n"
        "assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib.figure'] = None\n"
        "figs.get_image_grid(*[torch.zeros(1, 1, 4, 4)] * 3, ['a'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install 'cellmap-data[figs]'" in done.stderr
