"""Whether every crop of a split can be used; all that cannot are told together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cellmap_data.config import list_faults, raise_faults
from cellmap_data.dataset import CellMapDataset, find_faults
from cellmap_data.datasplit.rows import BrokenRow, Usage
from cellmap_data.errors import BrokenRowWarning, SplitError, UnannotatedWarning, message

_ALIKE = 0.8
"""How like each other a name and the one that was meant are; mito and mito_mem are less so."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A row that has become a dataset.

    Attributes
    ----------
    usage : {"train", "validate"}
        What it is for.
    place : str
        Where its row stands.
    dataset : CellMapDataset
        The dataset.
    """

    usage: Usage
    place: str
    dataset: CellMapDataset


def checked(crops: Sequence[Crop | BrokenRow], *, unannotated: bool) -> tuple[list[Crop], list[BrokenRow]]:
    """Look at all crops: those that can be used, and what is wrong with the others, both in order.

    The metadata of each volume is read once, several at a time where files are far away; no array is opened.
    A crop that has none of the classes is not bounded by labels, and all its targets are unknown: it would be
    sampled everywhere, more often than all others together. It is taken if ``unannotated`` says so.
    """
    found = [crop for crop in crops if isinstance(crop, Crop)]
    faults = dict(zip(map(id, found), find_faults([crop.dataset for crop in found]), strict=True))
    usable, broken = [], []
    for crop in crops:
        if isinstance(crop, BrokenRow):
            broken.append(crop)
            continue
        fault = faults[id(crop)]
        why = str(fault or _why_empty(crop.dataset) or ("" if unannotated else _why_unknown(crop.dataset)))
        if why:
            broken.append(BrokenRow(crop.place, why))
        else:
            usable.append(crop)
    return usable, broken


def _why_empty(dataset: CellMapDataset) -> str:
    """Why a dataset has no position; empty if it has one."""
    return "" if dataset.verify() else dataset.layout.why_empty(dataset.raw_path)


def _why_unknown(dataset: CellMapDataset) -> str:
    """That a crop has none of the classes, nor one that excludes one; else empty, without targets too."""
    if all(dataset.layout.targets):
        return ""
    return message(
        "The crop has none of the classes.",
        expected=f"one of {dataset.classes}",
        got=dataset.target_path,
        hint="leave the row out, or pass force_has_data=True to draw samples of unknown labels from it",
    )


def refuse_or_tell(broken: Sequence[BrokenRow], *, skip: bool, stacklevel: int) -> None:
    """Raise what is wrong with rows, all of it; with ``skip`` warn of it once.

    Raises
    ------
    SplitError
        Listing every broken row.

    Warns
    -----
    BrokenRowWarning
        Listing every row that is left out.
    """
    if not skip:
        raise_faults(
            SplitError,
            "Rows of the split cannot be used.",
            map(str, broken),
            hint="mend these rows, or pass skip_broken=True to leave them out",
        )
    elif broken:
        listed = list_faults(map(str, broken))
        rule = f"{len(broken)} rows of the split are left out (skip_broken=True)."
        warnings.warn(message(rule, got=listed), BrokenRowWarning, stacklevel=stacklevel)


def tell_of_unannotated(crops: Sequence[Crop], *, stacklevel: int) -> None:
    """Warn once of all crops whose targets are unknown everywhere, and of classes that seem misspelt.

    Warns
    -----
    UnannotatedWarning
        Listing the rows of the crops and the classes that each has; the classes that no crop to train on
        annotates and that seem to be misspelt.
    """
    found = [crop for crop in crops if not all(crop.dataset.layout.targets)]
    if found:
        listed = list_faults(f"{crop.place}: {crop.dataset.target_path}" for crop in found)
        rule = f"{len(found)} crops have none of the classes: all their targets will be unknown (NaN)."
        text = message(rule, expected=f"one of {found[0].dataset.classes}", got=listed)
        warnings.warn(text, UnannotatedWarning, stacklevel=stacklevel)
    near = _misspelt([crop.dataset for crop in crops if crop.usage == "train"])
    if near:
        rule = f"No crop to train on annotates {list(near)}: these targets will be unknown (NaN)."
        hint = "did you mean " + ", ".join(f"{match} for {name}" for name, match in near.items()) + "?"
        warnings.warn(message(rule, hint=hint), UnannotatedWarning, stacklevel=stacklevel)


def _misspelt(datasets: Sequence[CellMapDataset]) -> dict[str, str]:
    """The classes that are unknown everywhere, each with one like it that is annotated and not asked for."""
    requests = [recipe.request for dataset in datasets for recipe in dataset.recipes]
    known = {name for request in requests for name in (*request.annotated, *request.exclusive)}
    listed = {name for request in requests if request.labels for name in request.labels.annotated} - known
    near = {
        name: get_close_matches(name, sorted(listed), 1, _ALIKE)
        for name in (requests[0].classes if known else ())
        if name not in known
    }
    return {name: found[0] for name, found in near.items() if found}
