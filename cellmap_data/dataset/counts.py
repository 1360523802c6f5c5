"""How often each class occurs in one crop or in many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cellmap_data.image import Labels, Tally, count_labels

Counts = dict[str, dict[str, int]]


class Counted(Protocol):
    """A crop, as far as counting goes."""

    tallies: dict[str, Tally] | None
    """What was counted of each annotated class; None before anything was."""

    @property
    def labels(self) -> dict[str, Labels]:
        """The labels of each annotated class."""


def class_counts(classes: Sequence[str], crops: Sequence[Counted]) -> Counts:
    """Count the classes of crops, all that were not counted yet together.

    Returns
    -------
    dict
        ``{"totals": {class: positive voxels}, "totals_total": {class: voxels where it is known}}``, classes
        in the order given. A class that is annotated nowhere has 0 of both; others that crops have are left
        out.
    """
    new = [(crop, crop.labels) for crop in crops if crop.tallies is None]
    counted = count_labels(one for _, labels in new for one in labels.values())
    for crop, labels in new:
        crop.tallies = {name: counted[one.stored.uri] for name, one in labels.items()}
    totals, known = dict.fromkeys(classes, 0), dict.fromkeys(classes, 0)
    for crop in crops:
        for name, tally in (crop.tallies or {}).items():
            if name in totals:
                totals[name] += tally.positive
                known[name] += tally.known
    return {"totals": totals, "totals_total": known}


def crop_weights(classes: Sequence[str], crops: Sequence[Counted]) -> list[float]:
    """How much likelier a position of each crop should be drawn, so that rare classes are seen as often.

    The weight of a crop is the sum over classes of ``class_weights[c]`` times the share of the crop's voxels
    that show c. So a class that is rare in all is not so in the draws, and is drawn where it is dense. Where
    no crop shows anything all weights are 1.
    """
    overall = class_weights(class_counts(classes, crops))
    weights = [
        sum(
            overall[name] * tally.positive / tally.known
            for name, tally in (crop.tallies or {}).items()
            if tally.known
        )
        for crop in crops
    ]
    return weights if any(weights) else [1.0] * len(crops)


def class_weights(counts: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Background over foreground of each class, in their order; 1 for a class without foreground."""
    totals, known = counts["totals"], counts["totals_total"]
    return {name: (known[name] - n) / n if n else 1.0 for name, n in totals.items()}
