"""Boxes as users see them."""

from __future__ import annotations

from cellmap_data.spatial import AXES, Box


def box_by_axis(box: Box | None) -> dict[str, tuple[float, float]] | None:
    """A box in nm as ``{axis: (lo, hi)}``; None stays None."""
    if box is None:
        return None
    return {axis: (lo, hi) for axis, lo, hi in zip(AXES, box.lo, box.hi, strict=True)}
