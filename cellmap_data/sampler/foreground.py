"""Draws that hit a class: from an index of the blocks in which it shows, without trying in vain."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.blocks import BlockIndex, CropSightings
from cellmap_data.sampler.chance import Indices, below, fractions, keys_of, words_at

BLOCK = 32
"""Voxels along each edge of a block, unless somebody asks for others."""


class Showing(Sized, Protocol):
    """What a foreground sampler asks of a dataset."""

    @property
    def classes(self) -> list[str]:
        """The channels of every target."""

    def foreground(self, block: int) -> CropSightings:
        """Of each crop, its positions per axis and where its annotated classes show."""


@dataclass(frozen=True, slots=True, eq=False)
class ForegroundOrder:
    """A block by its share and a position that shows it; or, for the rest of the draws, any position.

    A draw costs a search among the blocks, whatever number of positions there are, and depends on nothing but
    (seed, epoch, place).

    Attributes
    ----------
    size : int
        The number of positions.
    seed : int
        With the epoch, what the draws depend on.
    share : float
        Of the draws that are to show a class.
    index : BlockIndex
        The blocks, by the shares in which they are drawn.
    """

    size: int
    seed: int
    share: float
    index: BlockIndex = field(repr=False)

    def indices(self, epoch: int, places: Indices) -> Indices:
        """The indices at ``places``; each is drawn independently of all others."""
        coin, block_key, *keys = keys_of(5, self.seed, epoch)
        drawn = below(words_at(keys[0], places), self.size)
        hit = fractions(words_at(coin, places)) < self.share
        hits = places[hit]
        drawn[hit] = self.index.draw(
            fractions(words_at(block_key, hits)), [words_at(key, hits) for key in keys]
        )
        return drawn


class ForegroundSampler(OrderSampler):
    """Random indices of which a share shows a class for certain, however rare it is.

    A draw of that share picks a class, then a block of labels in which it shows, then, each as likely as the
    others, a position whose patch of the first target holds a positive voxel of the block; the others pick
    any position. A class that shows nowhere is left out.

    The first use for a dataset looks at all its labels once, as counting does, and keeps the blocks in the
    user's cache.

    The voxel is in the patch for certain when the target's voxels are as large as those of a stored level, or
    smaller, and the patch stays in place or is mirrored. Rotation, deformation and transposition of patches
    that are no cubes may move it out of the patch; where a target asks for larger voxels than the level from
    which it is read has, the nearest ones are taken, and it may not be one of them.

    Parameters
    ----------
    dataset : CellMapDataset or CellMapMultiDataset
        Asked once for its foreground; it is not kept.
    samples_per_epoch : int, optional
        Draws of an epoch, all ranks together; None for the length of the dataset.
    seed : int, optional
        Of the draws; None for the loader's.
    share : float
        Of the draws that show a class, 0 to 1.
    classes : mapping or collection of str, optional
        Class -> how often it is drawn, in proportion; or classes that are drawn equally often. None: all that
        show.
    by : {"voxels", "blocks"}
        Whether a block is as likely as it has positive voxels, or as any other.
    block : int
        Voxels along each edge of a block, in the level that labels are read from. Smaller blocks follow thin
        structures more closely, and are more.
    rank, world_size
        As for :class:`OrderSampler`.

    Attributes
    ----------
    probabilities : dict
        Class -> of a draw that shows a class, the probability that it was picked for this one.
    blocks : dict
        Class -> the number of its blocks.

    Raises
    ------
    ConfigurationError
        If no class shows at any position, if a class is unknown or shows nowhere though asked for, or if
        numbers cannot be right.
    StoreError
        If labels must be read and cannot be.
    """

    def __init__(
        self,
        dataset: Showing,
        samples_per_epoch: int | None = None,
        seed: int | None = None,
        *,
        share: float = 0.7,
        classes: Mapping[str, float] | Collection[str] | None = None,
        by: Literal["voxels", "blocks"] = "voxels",
        block: int = BLOCK,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        _check(share, by, block)
        _check_crops(dataset)
        self.size, self.share = len(dataset), share
        crops = dataset.foreground(block)
        found = {name: BlockIndex.of(name, crops, by) for name in dataset.classes}
        self.blocks = {name: one.ends.size for name, one in found.items() if one.ends.size}
        self.probabilities = _probabilities(self.blocks, classes, dataset.classes)
        self._index = BlockIndex.mixed([(found[name], p) for name, p in self.probabilities.items()])
        count = self.size if samples_per_epoch is None else samples_per_epoch
        super().__init__(count, seed, rank=rank, world_size=world_size)

    def order(self, seed: int) -> ForegroundOrder:
        """The draws for a seed."""
        return ForegroundOrder(self.size, seed, self.share, self._index)


def _probabilities(
    blocks: Mapping[str, int], asked: Mapping[str, float] | Collection[str] | None, classes: Sequence[str]
) -> dict[str, float]:
    """How likely each class is picked.

    Raises
    ------
    ConfigurationError
        If what is asked for cannot be had.
    """
    if not isinstance(asked, Mapping):
        asked = dict.fromkeys(blocks if asked is None else [asked] if isinstance(asked, str) else asked, 1.0)
    good = all(0 <= weight < float("inf") for weight in asked.values())
    drawn = {name: float(weight) for name, weight in asked.items() if not good or weight > 0}
    if not good or not drawn or not drawn.keys() <= blocks.keys():
        raise ConfigurationError(
            message(
                "classes are drawn where they show",
                expected=f"classes that show at some position: {sorted(blocks) or 'there is none'}; "
                "weights of 0 or more, one of them above 0",
                got=dict(asked) or f"none of {list(classes)} shows",
            )
        )
    return {name: weight / sum(drawn.values()) for name, weight in drawn.items()}


def _check(share: float, by: str, block: int) -> None:
    """Refuse options that cannot be right.

    Raises
    ------
    ConfigurationError
        Naming all three.
    """
    if not 0 <= share <= 1 or by not in ("voxels", "blocks") or block < 1:
        raise ConfigurationError(
            message(
                "foreground is drawn as these say",
                expected="0 <= share <= 1; by 'voxels' or 'blocks'; block >= 1",
                got=f"share={share}, by={by!r}, block={block}",
            )
        )


def _check_crops(dataset: object) -> None:
    """Refuse what has positions but does not know where its classes show.

    Raises
    ------
    ConfigurationError
        Naming its type.
    """
    if not hasattr(dataset, "foreground"):
        raise ConfigurationError(
            message(
                "Classes are looked for in crops.",
                expected="a CellMapDataset or a CellMapMultiDataset",
                got=type(dataset).__name__,
                hint="choose the crops of a dataset instead of some of its positions",
            )
        )
