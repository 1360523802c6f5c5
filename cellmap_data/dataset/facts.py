"""What is known of a crop without reading a sample."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, SupportsIndex, TypeAlias

import torch

from cellmap_data.advice import Advice
from cellmap_data.config import ArraySpec, Pad, check_finite, named
from cellmap_data.dataset.accesses import advice_for
from cellmap_data.dataset.counts import Counts, class_counts, class_weights
from cellmap_data.dataset.foreground import foreground
from cellmap_data.dataset.indices import position
from cellmap_data.dataset.inputs import MISSING
from cellmap_data.dataset.layout import Layout
from cellmap_data.dataset.readers import Plugins, Readers
from cellmap_data.dataset.request import Contents, Request
from cellmap_data.empty_image import EmptyImage
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import CellMapImage, Labels, Tally, box_by_axis
from cellmap_data.sampler import BLOCK, CropSightings
from cellmap_data.spatial import AXES, Tiling

Boxes: TypeAlias = dict[str, tuple[float, float]]
Source: TypeAlias = CellMapImage | EmptyImage


class CropFacts:
    """The facts of a dataset: what was asked for, where it lies, how much of it there is.

    Attributes
    ----------
    tallies : dict or None
        What was counted of each annotated class, once that was asked for.
    """

    _request: Request
    _readers: Readers
    _plugins: Plugins | None
    _context: Any
    _unknown: float
    _lock: threading.Lock
    _layout: Layout | None = None
    tallies: dict[str, Tally] | None = None

    @property
    def raw_path(self) -> str:
        """The raw volume."""
        return self._request.raw

    @property
    def pad(self) -> Pad:
        """What happens at the edges of the volumes."""
        return self._request.pad

    @property
    def empty_value(self) -> float:
        """The label of what is unknown."""
        return self._unknown

    @property
    def contents(self) -> Contents:
        """What every sample holds."""
        return self._request.contents

    @property
    def layout(self) -> Layout:
        """Where everything lies; read from the metadata when it is first asked for."""
        if self._layout is None:
            with self._lock:
                if self._layout is None:
                    self._layout = self._find()
        return self._layout

    def _find(self) -> Layout:
        """Read the metadata; what has positions of its own puts them into the layout here."""
        return Layout.of(self._request, self._readers)

    @property
    def classes(self) -> list[str]:
        """The channels of every target."""
        return list(self._request.classes)

    @property
    def input_sources(self) -> dict[str, CellMapImage]:
        """The raw volume as each input sees it."""
        specs = self._request.inputs
        return {spec.name: self._image(self._request.raw, spec.name, spec, raw=True) for spec in specs}

    @property
    def target_sources(self) -> dict[str, Source]:
        """The labels of each class, as the first target sees them."""
        return next(iter(self.target_array_sources.values()), {})

    @property
    def target_array_sources(self) -> dict[str, dict[str, Source]]:
        """The labels of each class, as each target sees them; an ``EmptyImage`` if it is not annotated."""
        request = self._request
        return {
            spec.name: {
                name: self._image(request.labels.of(name), name, spec, raw=False)
                if name in request.annotated
                else EmptyImage(request.labels.of(name), name, _scale(spec), spec.shape)
                for name in request.classes
            }
            for spec in request.targets
            if request.labels is not None
        }

    def advise(self) -> Advice | None:
        """How the chunks of raw and labels suit these patches; None where nothing is known of any chunk."""
        return advice_for([self.layout])

    @property
    def bounding_box(self) -> Boxes | None:
        """The space all sources cover, ``{axis: (lo, hi)}`` in nm; None where they have none in common."""
        return box_by_axis(self.layout.bounding_box)

    @property
    def sampling_box(self) -> Boxes | None:
        """Where centres lie, both ends included, ``{axis: (lo, hi)}`` in nm; None without positions."""
        return box_by_axis(self.layout.grid.sampling_box)

    def get_center(self, idx: SupportsIndex) -> dict[str, float]:
        """The centre of a position, ``{axis: nm}``; IndexError where there is none."""
        return dict(zip(AXES, self.layout.grid.centre(self._position(idx)), strict=True))

    def describe(self, index: SupportsIndex) -> str:
        """Where a position lies, in words: paths and centre (nm); IndexError where there is none."""
        request, centre = self._request, self.get_center(index)
        paths = [f"raw {request.raw}", *([f"labels {request.labels}"] if request.labels else [])]
        numbers = ", ".join(f"{centre[axis]:.12g}" for axis in AXES)
        return f"{', '.join(paths)}, centre (z, y, x) = ({numbers}) nm"

    def get_crop_class_matrix(self) -> torch.Tensor:
        """Which classes are annotated: bool, [1, classes]."""
        annotated = self._request.annotated
        return torch.tensor([[name in annotated for name in self._request.classes]], dtype=torch.bool)

    @property
    def labels(self) -> dict[str, Labels]:
        """What is counted of each annotated class: the level that the first target is read from."""
        request = self._request
        if request.labels is None:
            return {}
        return {
            name: Labels(
                request.labels.of(name), self.layout.targets[0][name], self._readers.open, self._context
            )
            for name in request.annotated
        }

    @property
    def class_counts(self) -> Counts:
        """How many voxels show each class, and in how many it is known whether they do.

        ``{"totals": {class: int}, "totals_total": {class: int}}``, of the whole label arrays at the level
        that the first target is read from; 0 and 0 for a class that is not annotated. Zeros that follow from
        other classes are not counted. The counts come from the volumes' annotation metadata or the user's
        cache; labels of which neither knows are read, once, with a progress bar if that takes long.

        Raises
        ------
        StoreError
            If volumes cannot be used, or labels that must be read cannot be.
        """
        return class_counts(self.classes, [self])

    @property
    def class_weights(self) -> dict[str, float]:
        """Background over foreground of each class, in class order; 1 for a class without foreground."""
        return class_weights(self.class_counts)

    def foreground(self, block: int = BLOCK) -> CropSightings:
        """Where each annotated class shows, in blocks of labels; what a ``ForegroundSampler`` is made from.

        Labels are looked at once, with a progress bar if that takes long, at the level that the first target
        is read from; what was found is kept in the user's cache.

        Parameters
        ----------
        block : int
            Voxels along each edge of a block.

        Returns
        -------
        sequence of tuple
            For this one crop its positions per axis, and ``{class: Sightings}``.

        Raises
        ------
        StoreError
            If volumes cannot be used, or labels that must be read cannot be.
        """
        return foreground([self], block)

    def get_indices(self, chunk_size: Mapping[str, float]) -> Tiling:
        """The positions whose tiles cover the crop.

        Parameters
        ----------
        chunk_size : mapping
            ``{axis: nm}`` for z, y and x: the size of a tile. Tiles lie side by side as far as positions
            allow, the last along an axis is shifted inward.

        Returns
        -------
        Tiling
            A lazy sequence of indices of this dataset, in C order.

        Raises
        ------
        ConfigurationError
            If an axis is missing, or a size is no positive number.
        """
        rule = "A tile has a size along each axis."
        if not isinstance(chunk_size, Mapping) or set(chunk_size) != set(AXES):
            got = chunk_size if isinstance(chunk_size, Mapping) else named(chunk_size)
            raise ConfigurationError(message(rule, expected="{axis: nm} for " + ", ".join(AXES), got=got))
        check_finite(chunk_size, rule)
        z, y, x = (float(chunk_size[axis]) for axis in AXES)
        return self.layout.grid.tiles((z, y, x))

    @property
    def validation_indices(self) -> Tiling:
        """The positions whose targets cover the crop, of a raw-only dataset whose inputs do.

        Of several the smallest decides, so that each covers all of it.
        """
        layout = self.layout
        images = [image for target in layout.targets for image in target.values()] or layout.inputs
        z, y, x = (min(image.source.patch.extent[axis] for image in images) for axis in range(3))
        return layout.grid.tiles((z, y, x))

    def verify(self, *, strict: bool = False) -> bool:
        """Whether there is any position.

        Parameters
        ----------
        strict : bool
            Look at every level of every volume too, and hold the metadata against the letter of OME-NGFF.
            That opens all arrays: afterwards this process should not fork.

        Raises
        ------
        StoreError
            Listing every fault, if volumes cannot be used, or with ``strict`` are not as they should be.
        """
        if strict:
            self._readers.check(self._request.volumes)
        return self.layout.grid.size > 0

    def _position(self, index: SupportsIndex) -> int:
        """The position an index stands for; IndexError, saying why where there is none at all."""
        size = self.layout.grid.size
        if not size:
            raise IndexError(self.layout.why_empty(self._request.raw))
        return position(index, size)

    def _image(self, path: str, name: str, spec: ArraySpec, *, raw: bool) -> CellMapImage:
        return CellMapImage(
            path,
            name,
            _scale(spec),
            spec.shape,
            pad=self._request.pad,
            pad_value=MISSING if raw else self._unknown,
            interpolation="linear" if raw else "nearest",
            context=self._context,
            plugins=self._plugins,
        )


def _scale(spec: ArraySpec) -> list[float]:
    return [size for size in spec.voxel if size is not None]
