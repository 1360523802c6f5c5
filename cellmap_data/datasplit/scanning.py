"""Find the crops in folders of volumes: which groups are labels, and which raw belongs to them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cellmap_data.storage import Folders, join, read_documents
from cellmap_data.storage.files import Document

_LABELS = "labels"
_ANNOTATED = "groundtruth"
_USUAL = ("fibsem-uint8", "raw")
"""Names of the raw volume that is meant where there are several and none is named."""


@dataclass(frozen=True, slots=True)
class FoundCrop:
    """A folder of labels.

    Attributes
    ----------
    folder : str
        The folder in which the labels of each class are a group.
    classes : tuple of str
        Their names, sorted.
    raw : str
        The raw volume they belong to; empty if that is not clear.
    why : str
        Why it is not clear.
    """

    folder: str
    classes: tuple[str, ...]
    raw: str
    why: str = ""

    @property
    def labels(self) -> str:
        """What a dataset takes as its ``target_path``."""
        return f"{self.folder}/[{','.join(self.classes)}]"


def find_crops(root: str, raw: str | None = None) -> list[FoundCrop]:
    """The crops below a folder of this machine, sorted by path.

    Multiscale groups below a folder "labels" are labels, each of the class that it is named after, and those
    of one folder are a crop; where such a folder has a "groundtruth", only what lies in that counts. All
    other multiscale groups are raw. A crop belongs to the raw volume with which it has the longest part of
    its path in common, if no other crop has a longer one in common with that.

    Parameters
    ----------
    root : str
        Where to look. Arrays are not looked into, nor are hidden folders.
    raw : str, optional
        How the path of a raw volume ends. Without it, of several that are as close to a crop the one is
        taken that is named "fibsem-uint8", or "raw".

    Raises
    ------
    StoreError
        If a folder or its metadata cannot be read.
    """
    volumes = list(_volumes(root, Folders(), set()))
    crops: dict[str, list[str]] = {}
    for path in volumes:
        if _below_labels(path, root):
            folder, _, name = path.rpartition("/")
            crops.setdefault(folder, []).append(name)
    raws = [path for path in volumes if not _below_labels(path, root)]
    if raw is not None:
        raws = [path for path in raws if f"/{path}".endswith(f"/{raw.strip('/')}")]
    closest = {path: max((_common(path, folder) for folder in crops), default=0) for path in raws}
    return [
        FoundCrop(folder, tuple(sorted(names)), *_raw_of(folder, closest))
        for folder, names in sorted(crops.items())
    ]


def _volumes(place: str, folders: Folders, seen: set[str]) -> Iterator[str]:
    """The multiscale groups at or below a place; within one only its labels are looked for."""
    real, kind = os.path.realpath(place), _kind(place)
    if kind == "array" or real in seen:  # links may go around in a circle
        return
    seen.add(real)
    names = folders.below(place)
    if kind == "volume":
        yield place
        names = [name for name in names if name == _LABELS]
    elif os.path.basename(place) == _LABELS and _ANNOTATED in names:
        names = [_ANNOTATED]
    for name in names:
        yield from _volumes(join(place, name), folders, seen)


def _kind(place: str) -> str:
    """What a folder is: "array", "volume" for a multiscale group, else empty."""
    for name, document in read_documents(place, ("zarr.json", ".zarray", ".zattrs")):
        if name == ".zarray" or document.get("node_type") == "array":
            return "array"
        attributes = document.get("attributes") if name == "zarr.json" else document
        if isinstance(attributes, dict) and ("multiscales" in attributes or _has_ome(attributes)):
            return "volume"
    return ""


def _has_ome(attributes: Document) -> bool:
    return isinstance(attributes.get("ome"), dict) and "multiscales" in attributes["ome"]


def _below_labels(path: str, root: str) -> bool:
    return _LABELS in Path(path).relative_to(root).parts[:-1] or Path(root).name == _LABELS


def _common(path: str, other: str) -> int:
    return len(os.path.commonpath([path, other]))


def _raw_of(folder: str, closest: Mapping[str, int]) -> tuple[str, str]:
    """The raw volume that a folder of labels belongs to, or why there is none.

    ``closest`` has all of them, and how much of its path each has in common with any folder of labels.
    """
    mine = [path for path, most in closest.items() if _common(path, folder) == most]
    nearest = [path for path in mine if closest[path] == max(closest[one] for one in mine)]
    for name in _USUAL:
        usual = [path for path in nearest if os.path.basename(path) == name]
        nearest = usual if len(usual) == 1 else nearest
    if len(nearest) == 1:
        return nearest[0], ""
    return "", f"several raw volumes are as close: {', '.join(nearest)}" if nearest else "no raw volume"
