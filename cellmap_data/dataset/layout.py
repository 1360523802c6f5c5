"""Where the arrays of a crop lie: everything that its metadata tells, found once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cellmap_data.config import ArraySpec, raise_together
from cellmap_data.dataset.readers import Readers
from cellmap_data.dataset.request import Request
from cellmap_data.errors import StoreError, message
from cellmap_data.image import StoredAxes, StoredImage
from cellmap_data.spatial import AXES, Box, PatchSpec, Positions, Source, sampling_grid
from cellmap_data.storage import ArrayInfo, is_remote

_AT_ONCE = 8
"""Volumes of one crop that are looked up at the same time where each look is a round trip."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The stored arrays of a crop and the positions of its samples.

    Attributes
    ----------
    inputs : tuple of StoredImage
        One for each input of the request.
    targets : tuple of dict
        One for each target of the request: annotated class -> StoredImage.
    sources : tuple of Source
        What is asked of all of them, each different request once.
    patches : tuple of PatchSpec
        The different patches among these.
    grid : Positions
        The positions.
    """

    inputs: tuple[StoredImage, ...]
    targets: tuple[dict[str, StoredImage], ...]
    sources: tuple[Source, ...]
    patches: tuple[PatchSpec, ...]
    grid: Positions

    @classmethod
    def of(cls, request: Request, readers: Readers) -> Layout:
        """Read the metadata of a crop; no array is opened.

        Raises
        ------
        StoreError
            Listing everything that is missing or wrong. StoreNotFoundError where all of that is missing,
            MetadataError where all of it is metadata.
        """
        finder = _Finder(request, readers)
        finder.ask_together()
        inputs = [finder.find(f"input {spec.name!r}", request.raw, spec) for spec in request.inputs]
        targets = [
            {
                name: finder.find(f"target {spec.name!r}, class {name!r}", path, spec)
                for name, path in _labels(request)
            }
            for spec in request.targets
        ]
        finder.report()
        found = tuple(image for image in inputs if image)
        labels = tuple({name: image for name, image in target.items() if image} for target in targets)
        raw_sources = dict.fromkeys(image.source for image in found)
        label_sources = dict.fromkeys(image.source for target in labels for image in target.values())
        sources = tuple(raw_sources | label_sources)
        patches = tuple(dict.fromkeys(source.patch for source in sources))
        return cls(found, labels, sources, patches, sampling_grid(tuple(raw_sources), tuple(label_sources)))

    @property
    def bounding_box(self) -> Box | None:
        """The space, nm, that all sources cover; None where they have none in common."""
        boxes = [source.lattice.bounding_box for source in self.sources]
        lo_z, lo_y, lo_x = (max(box.lo[axis] for box in boxes) for axis in range(3))
        hi_z, hi_y, hi_x = (min(box.hi[axis] for box in boxes) for axis in range(3))
        common = Box((lo_z, lo_y, lo_x), (hi_z, hi_y, hi_x))
        return common if min(common.extent) > 0 else None

    def why_empty(self, place: str) -> str:
        """Along which axes there is no position, as an error message."""
        found = []
        for axis, count in enumerate(self.grid.counts):
            if count:
                continue
            boxes = [source.lattice.bounding_box for source in self.sources]
            lo, hi = max(box.lo[axis] for box in boxes), min(box.hi[axis] for box in boxes)
            asked = max(patch.extent[axis] for patch in self.patches)
            shared = f"{hi - lo:.12g} nm" if hi > lo else "nothing"
            found.append(f"along {AXES[axis]} patches of {asked:.12g} nm, of volumes that share {shared}")
        return message(
            "The dataset has no position.",
            place=place,
            expected="patches that fit into what raw and labels have in common",
            got="; ".join(found),
            hint="smaller patches, or pad=True for volumes smaller than a patch",
        )


def _labels(request: Request) -> Iterator[tuple[str, str]]:
    """Name and path of each annotated class that is needed."""
    if request.labels is not None:
        for name in request.needed:
            yield name, request.labels.of(name)


class _Finder:
    """Finds the arrays of a crop and collects what is wrong with them."""

    def __init__(self, request: Request, readers: Readers) -> None:
        self._request, self._readers = request, readers
        self._volume = functools.cache(readers.volume)
        self._known: dict[tuple[str, ArraySpec], StoredImage | StoreError] = {}
        self._axes: dict[StoredAxes, StoredAxes] = {}
        self._sources: dict[Source, Source] = {}
        self._infos: dict[ArrayInfo, ArrayInfo] = {}
        self._faults: list[StoreError] = []
        self._upsampled: list[str] = []

    def ask_together(self) -> None:
        """Where volumes are far away, ask for all of them at once instead of one after the other."""
        wanted = {path: self._request.targets for _, path in _labels(self._request)}
        wanted[self._request.raw] = self._request.inputs
        jobs = [(path, specs) for path, specs in wanted.items() if is_remote(path)]
        if len(jobs) > 1:
            with ThreadPoolExecutor(min(_AT_ONCE, len(jobs))) as pool:
                list(pool.map(lambda job: [self._look(job[0], spec) for spec in job[1]], jobs))

    def _look(self, path: str, spec: ArraySpec) -> StoredImage | StoreError:
        """The stored image that serves an array, or what is wrong; found once."""
        known = self._known.get((path, spec))
        if known is None:
            try:
                known = self._choose(path, spec)
            except StoreError as error:
                known = error
            self._known[path, spec] = known
        return known

    def _choose(self, path: str, spec: ArraySpec) -> StoredImage:
        """The stored image; the classes of a crop mostly lie alike, then they share what says so."""
        image = StoredImage.choose(self._volume(path), spec, bool(self._request.pad), self._readers.describe)
        info = image.info
        return replace(
            image,
            axes=self._axes.setdefault(image.axes, image.axes),
            source=self._sources.setdefault(image.source, image.source),
            info=info if info.amended else self._infos.setdefault(info, info),
        )

    def find(self, what: str, path: str, spec: ArraySpec) -> StoredImage | None:
        """The stored image that serves an array, or None and a fault."""
        image = self._look(path, spec)
        if isinstance(image, StoreError):
            self._faults.append(image)
            return None
        if image.upsampled:
            stored = image.source.lattice.voxel
            self._upsampled.append(
                f"{what} asks for {image.source.patch.voxel} nm, finest is {stored} nm: {path}"
            )
        return image

    def report(self) -> None:
        """Raise what is wrong, all of it; warn once of what is upsampled."""
        raise_together(self._faults, "The volumes of a crop cannot be used.", place=self._request.raw)
        if self._upsampled:
            listed = "\n  ".join(self._upsampled)
            warnings.warn(
                f"Finer voxels are asked for than are stored; they are made up:\n  {listed}", stacklevel=2
            )
