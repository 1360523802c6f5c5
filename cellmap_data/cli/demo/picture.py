"""A section of the held-out region as the microscope, the annotator, the model and the threshold see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellmap_data.cli.demo.sample import VOXEL_NM
from cellmap_data.cli.demo.score import HeldOut, Masks, class_dice

__all__ = ["save_picture"]

COLOURS = {"nuclei": (0.16, 0.44, 0.59), "boundary": (1.0, 0.72, 0.15)}


def save_picture(path: Path, region: HeldOut, columns: dict[str, Masks]) -> None:
    """Write a PNG: raw, label, and one column for each entry of ``columns`` (title -> masks [2, Z, Y, X])."""
    section = int(region.truth[0].sum(axis=(1, 2)).argmax())  # the one that shows most nuclei
    raw = region.raw[0, section].numpy()
    panels: dict[str, NDArray[np.floating]] = {"raw": raw, "label": _painted(region.truth[:, section])}
    for title, masks in columns.items():
        scores = class_dice(masks, region.truth)
        caption = "\n".join([title, *(f"Dice {score:.2f} {name}" for name, score in scores.items())])
        panels[caption] = _painted(masks[:, section])
    figure = Figure(figsize=(2.3 * len(panels), 7.2), layout="constrained")
    for axes, (title, image) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.imshow(image, cmap="gray", vmax=np.percentile(raw, 99.5), aspect=VOXEL_NM[1] / VOXEL_NM[2])
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    figure.savefig(path, dpi=120)


def _painted(masks: Masks) -> NDArray[np.floating]:
    """An RGB image [Y, X, 3] of masks [2, Y, X]; a boundary is painted over its nucleus."""
    image = np.zeros((*masks.shape[1:], 3))
    for mask, colour in zip(masks, COLOURS.values(), strict=True):
        image[mask] = colour
    return image
