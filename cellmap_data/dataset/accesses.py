"""How the samples of crops read the arrays they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from cellmap_data.advice import Advice
from cellmap_data.dataset.layout import Layout
from cellmap_data.image import StoredImage, access_of
from cellmap_data.spatial import Access

_ENOUGH = 32
"""Crops to look at: thousands lie much alike, and what is said of them is rough anyway."""


def advice_for(layouts: Sequence[Layout]) -> Advice | None:
    """How the chunks of crops suit their patches; None where nothing is known of any chunk."""
    accesses: Counter[Access] = Counter()
    for layout in layouts[:: max(1, len(layouts) // _ENOUGH)]:
        found = (access_of(image, linear=linear) for image, linear in arrays_of(layout))
        accesses.update(access for access in found if access is not None)
    return Advice(accesses) if accesses else None


def arrays_of(layout: Layout) -> Iterator[tuple[StoredImage, bool]]:
    """Every array of a sample, and whether it is averaged."""
    yield from ((image, True) for image in layout.inputs)
    yield from ((image, False) for target in layout.targets for image in target.values())
