"""How a volume should be stored for the patches that are read of it, in words and numbers.

It is arithmetic on metadata: no voxel is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any

from cellmap_data.config import parse_arrays
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image import StoredImage, access_of, lattices_of, read_multiscale
from cellmap_data.spatial import Access, Shape
from cellmap_data.storage import OpenArray, describe_array

__all__ = ["Advice", "Chunking", "advise", "amount", "by"]

EDGES = (16, 32, 64, 128, 256)
"""Voxels along the edges of the chunks that are compared."""

PER_CHUNK = 1 << 16
"""What it costs to have one chunk more, in bytes decoded: 16 KiB were measured in memory, file systems and
networks add to it."""

WORTH_IT = 1.2
"""A change that makes reading cheaper by less is not recommended."""


TOO_FINE = 2
"""Voxels read for one that is delivered from which on a coarser level is missed."""

MANY_FILES = 100_000
"""Chunks of one array from which on shards are recommended."""


@dataclass(frozen=True, slots=True)
class Chunking:
    """What patches would cost with chunks of some size, on average, all arrays of a sample together.

    Attributes
    ----------
    chunk : Shape or None
        Voxels of a chunk; None where the arrays differ.
    chunks, nbytes : float
        Chunks and bytes that are decoded for a patch.
    """

    chunk: Shape | None
    chunks: float
    nbytes: float

    @property
    def cost(self) -> float:
        """What decides between two sizes, in bytes decoded."""
        return self.nbytes + self.chunks * PER_CHUNK


@dataclass(frozen=True)
class Advice:
    """What patches cost with the chunks that there are, and with others; as a string, what to do.

    Attributes
    ----------
    accesses : mapping
        How each array is read -> how many arrays are read so; at least one.
    shards : Shape, optional
        Voxels of a shard, where chunks are stored in such.
    """

    accesses: Mapping[Access, int]
    shards: Shape | None = None

    @cached_property
    def present(self) -> Chunking:
        """With the chunks that there are."""
        return self._with(None)

    @cached_property
    def options(self) -> tuple[Chunking, ...]:
        """With cubes of several sizes, or what of them fits around the patches."""
        return tuple({option.chunk: option for option in map(self._with, EDGES)}.values())

    @cached_property
    def best(self) -> Chunking:
        """The cheapest of all."""
        return min((self.present, *self.options), key=lambda option: option.cost)

    @property
    def amplification(self) -> float:
        """Bytes decoded for each byte used, with the chunks that there are."""
        return self.present.nbytes / self.nbytes_used

    @property
    def nbytes_used(self) -> int:
        """Bytes of the patches of a sample."""
        return sum(access.nbytes_used * count for access, count in self.accesses.items())

    @property
    def worth_it(self) -> bool:
        """Whether other chunks are recommended."""
        return self.present.cost >= WORTH_IT * self.best.cost

    def __str__(self) -> str:
        now, best = self.present, self.best
        text = (
            f"At random places {amount(self.amplification)} x as many bytes are decoded as used, "
            f"from {now.chunks:.0f} chunks a sample."
        )
        if self.worth_it and best.chunk is not None:
            text += f" Chunks of {by(best.chunk)} would {_compared(now, best)}."
        else:
            text += " No other size of chunks would be much better."
        return " ".join([text, *self._too_fine(), *self._files()])

    def as_dict(self) -> dict[str, Any]:
        """The same as plain numbers and text, ready for JSON."""
        named = {"present": self.present, "best": self.best}
        rows = {name: asdict(option) for name, option in named.items()}
        return rows | {
            "options": [asdict(option) for option in self.options],
            "nbytes_used": self.nbytes_used,
            "amplification": self.amplification,
            "shards": self.shards,
            "advice": str(self),
        }

    def _with(self, edge: int | None) -> Chunking:
        accesses = [(_chunked(access, edge), count) for access, count in self.accesses.items()]
        shapes = {access.chunk for access, _ in accesses}
        return Chunking(
            None if edge is None and len(shapes) > 1 else max(shapes, key=math.prod),
            sum(access.chunks * count for access, count in accesses),
            sum(access.nbytes * count for access, count in accesses),
        )

    def _too_fine(self) -> list[str]:
        """That a coarser level is missing."""
        fine = [
            (access, count)
            for access, count in self.accesses.items()
            if math.prod(access.block) >= TOO_FINE * math.prod(access.patch)
        ]
        if not fine:
            return []
        before = sum(access.nbytes * count for access, count in fine)
        after = sum(_of_a_level(access).nbytes * count for access, count in fine)
        return [
            f"A stored level of the voxel size asked for would read {amount(before / after)} x fewer bytes."
        ]

    def _files(self) -> list[str]:
        """That recommended chunks would be very many files."""
        if not self.worth_it or self.best.chunk is None:
            return []
        files = max(
            math.prod(-(-n // c) for n, c in zip(access.array, self.best.chunk, strict=True))
            for access in self.accesses
        )
        if files < MANY_FILES:
            return []
        return [f"Store them in shards: without, they would be {files:,} files."]


def advise(
    path: str,
    patch: Sequence[int],
    scale: Sequence[float] | None = None,
    *,
    context: Any = None,
    plugins: OpenArray | None = None,
) -> Advice:
    """Say how the chunks of a volume suit patches that are read at random places of it.

    Parameters
    ----------
    path : str
        A multiscale group.
    patch : sequence of int
        Voxels along z, y, x; two for a plane.
    scale : sequence of float, optional
        Voxel size in nm along z, y, x; None for that of the finest level.
    context, plugins : object, optional
        As for :class:`~cellmap_data.CellMapImage`.

    Raises
    ------
    ConfigurationError
        If the patch cannot be read, or if a plugin's reader does not say how the volume is chunked.
    StoreError
        If there is no such volume.
    """
    volume = read_multiscale(path, hooks=plugins, context=context)
    if scale is None:
        finest = min((lattice.voxel for lattice in lattices_of(volume)), key=math.prod)
        scale = finest[-len(patch) :]
    spec = parse_arrays({"patch": {"shape": tuple(patch), "scale": tuple(scale)}})[0][0]
    describe = partial(describe_array, hooks=plugins, context=context)
    image = StoredImage.choose(volume, spec, True, describe)
    access = access_of(image, linear=True)
    if access is None:
        raise ConfigurationError(
            message(
                "Nothing is known of the chunks of a volume.",
                place=image.uri,
                expected="a reader that has `chunks`",
                got="a plugin's reader without",
            )
        )
    shards = image.info.shards
    return Advice({access: 1}, None if shards is None else image.axes.spatial(shards, 1))


def _chunked(access: Access, edge: int | None) -> Access:
    """An access with chunks of other edges, no longer than the block needs."""
    if edge is None:
        return access
    z, y, x = (min(edge, 1 << (n - 1).bit_length()) for n in access.block)
    return replace(access, chunk=(z, y, x))


def _of_a_level(access: Access) -> Access:
    """The same patches of an array whose voxels are as large as theirs."""
    z, y, x = (
        max(1, round(n * patch / block))
        for n, patch, block in zip(access.array, access.patch, access.block, strict=True)
    )
    return replace(access, array=(z, y, x), block=access.patch)


def _compared(now: Chunking, best: Chunking) -> str:
    fewer = now.nbytes / best.nbytes
    if fewer >= 1:
        return f"read {amount(fewer)} x fewer bytes"
    return f"be {amount(now.chunks / best.chunks)} x fewer, for {amount(1 / fewer)} x as many bytes: faster"


def amount(ratio: float) -> str:
    """A ratio to two digits, as words have it."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def by(shape: Sequence[int]) -> str:
    """A shape as words have it."""
    return " x ".join(map(str, shape))
