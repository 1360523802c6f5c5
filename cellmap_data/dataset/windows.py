"""Windows of the positions of crops: so large, and so placed, that chunks are decoded once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellmap_data.config import counted
from cellmap_data.dataset.accesses import arrays_of
from cellmap_data.dataset.layout import Layout
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import StoredImage, access_of
from cellmap_data.sampler import Cut, Cuts
from cellmap_data.spatial import AXES, Access, Grid, Shape, distinct_chunks
from cellmap_data.spatial.frame import TOLERANCE


@dataclass(frozen=True, slots=True)
class Locality:
    """What is read for patches that are taken window by window, on average of one crop.

    Attributes
    ----------
    patches, at_once : int
        Patches of a window before moving on; windows that take turns.
    window : Shape
        Voxels, of the finest input, that the patches of a window lie in.
    reads : tuple
        How each array is read, and along each axis the places that a patch has in a window.
    """

    patches: int
    at_once: int
    window: Shape
    reads: tuple[tuple[Access, Shape], ...]

    @property
    def cache(self) -> int:
        """Bytes of the chunks of all windows that take turns: what the cache must hold."""
        return self.at_once * sum(
            math.prod(-(-(p + b - 1) // c) * c for p, b, c in zip(places, a.block, a.chunk, strict=True))
            * a.itemsize
            for a, places in self.reads
        )

    def amplification(self, readers: int = 1) -> float:
        """Bytes decoded for each byte used, if so many processes with a cache of their own share a window."""
        count = max(1.0, self.patches / readers)
        decoded = sum(
            distinct_chunks(places, a.block, a.chunk, count) * math.prod(a.chunk) * a.itemsize
            for a, places in self.reads
        )
        return decoded / (count * self._used)

    @property
    def amplification_at_random(self) -> float:
        """The same for patches at random places that share nothing."""
        return sum(access.nbytes for access, _ in self.reads) / self._used

    @property
    def _used(self) -> int:
        return sum(access.nbytes_used for access, _ in self.reads)

    def words(self, batch_size: int, num_workers: int, world_size: int, cache_budget: int) -> str:
        """What it saves, what it needs and how mixed a batch is, for people."""
        size = " x ".join(map(str, self.window))
        mixed = min(batch_size, self.at_once // math.gcd(self.at_once, world_size))
        text = f"{self.patches} patches of each window of {size} voxels, {self.at_once} windows in turn"
        if self.reads:
            readers, share = max(1, num_workers), cache_budget // max(1, num_workers)
            text += (
                f": about {self.amplification(readers):.1f} x as many bytes are decoded as used, "
                f"{self.amplification_at_random:.1f} x at random places"
            )
            if share < self.cache:
                text += f". But that takes a cache of {self.cache * readers / 1e6:,.0f} MB, "
                text += f"of which there are {cache_budget / 1e6:,.0f}: set_cache_budget(...)"
        return f"{text}. A batch of {batch_size} comes from {mixed} windows."


def cut(layout: Layout, window: Sequence[int] | int | None) -> tuple[Cuts, Shape]:
    """How the positions of a crop are cut into windows, and the voxels of a window.

    Parameters
    ----------
    layout : Layout
        The crop.
    window : sequence of int, optional
        Voxels of the finest input along z, y, x that the patches of a window lie in; made smaller to end with
        a chunk. None for about twice a patch.

    Raises
    ------
    ConfigurationError
        If no patch fits into it.
    """
    asked = tuple(window) if isinstance(window, Sequence) else (window,) * len(AXES)
    if len(asked) != len(AXES):
        raise ConfigurationError(
            message("a window has a size along each axis", expected="voxels along z, y, x", got=window)
        )
    sizes = [None if size is None else counted("window", size, 1) for size in asked]
    (z, nz), (y, ny), (x, nx) = (_axis(layout, axis, size) for axis, size in enumerate(sizes))
    return (z, y, x), (nz, ny, nx)


def _grid(layout: Layout) -> Grid:
    if isinstance(layout.grid, Grid):
        return layout.grid
    raise ConfigurationError(
        message(
            "windows are cut of positions that lie evenly",
            expected="the dataset of a crop",
            got=type(layout.grid).__name__,
        )
    )


def _axis(layout: Layout, axis: int, asked: int | None) -> tuple[Cut, int]:
    image = min(layout.inputs, key=lambda image: image.source.patch.voxel[axis])
    grid, patch = _grid(layout), image.source.patch.shape[axis]
    step = grid.step[axis]
    chunk = _chunk(image, axis, step)
    length = chunk * max(1, round(patch / chunk)) if asked is None else asked - patch + 1
    if length < 1:
        raise ConfigurationError(
            message(
                "a window holds at least one patch",
                place=f"along {AXES[axis]}",
                expected=f"window >= {patch} voxels",
                got=asked,
            )
        )
    if length >= chunk:
        length -= length % chunk
    lower = grid.first[axis] - patch / 2 * step - image.source.lattice.bounding_box.lo[axis]
    before = round(lower / step) % chunk if length >= chunk else 0
    return Cut(grid.counts[axis], length, length - before), length + patch - 1


def _chunk(image: StoredImage, axis: int, step: float) -> int:
    """The edge of a chunk in positions; 1 where positions do not keep step with chunks."""
    if image.chunks is None:
        return 1
    edge = image.chunks[axis] * image.source.lattice.voxel[axis] / step
    return round(edge) if edge >= 1 and abs(edge - round(edge)) < TOLERANCE else 1


def locality(layout: Layout, patches: int, at_once: int, cuts: Cuts, window: Shape) -> Locality:
    """What is read of a crop that is cut so."""
    lengths = [min(one.length, one.count) for one in cuts]
    reads = []
    for image, linear in arrays_of(layout):
        access = access_of(image, linear=linear)
        if access is not None:
            sizes = zip(lengths, _grid(layout).step, image.source.lattice.voxel, strict=True)
            z, y, x = (max(1, round(length * step / voxel)) for length, step, voxel in sizes)
            reads.append((access, (z, y, x)))
    return Locality(patches, at_once, window, tuple(reads))
