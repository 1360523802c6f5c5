"""Tiles that overlap, or do not: every voxel is given, none outside, and who gives a box is found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Blocks, Tiles, VoxelBox
from cellmap_data.spatial.tiling import Tiling


@st.composite
def tilings(draw) -> Tiles:
    shape = draw(st.tuples(*[st.integers(1, 13)] * 3))
    patch = draw(st.tuples(*[st.integers(1, 6)] * 3))
    overlap = tuple(draw(st.integers(0, p - 1)) for p in patch)
    return Tiles(shape, patch, overlap)


def places(box: VoxelBox):
    return itertools.product(*(range(a, b) for a, b in zip(box.lo, box.hi, strict=True)))


def all_places(tiles: Tiles):
    return places(VoxelBox((0, 0, 0), tiles.counts))


@given(tilings())
def test_every_voxel_is_given_and_none_outside(tiles):
    """Without overlap once; with overlap at least once, and never from outside a patch."""
    given_by = np.zeros(tiles.shape, np.int64)
    for place in all_places(tiles):
        part, patch = tiles.part_of(place), tiles.patch_of(place)
        assert part.clipped(tiles.shape) == part
        assert all(a <= c < d <= b for a, b, c, d in zip(patch.lo, patch.hi, part.lo, part.hi, strict=True))
        assert patch.shape == tiles.patch
        given_by[part.slices] += 1
    assert given_by.min() >= 1
    if tiles.overlap == (0, 0, 0):
        assert given_by.max() == 1


@given(tilings())
def test_neighbours_have_the_overlap_in_common(tiles):
    """Patches lie in the array wherever they can, and neighbours share at least the overlap."""
    for place in all_places(tiles):
        patch = tiles.patch_of(place)
        for axis, (n, p) in enumerate(zip(tiles.shape, tiles.patch, strict=True)):
            if p <= n:
                assert 0 <= patch.lo[axis] <= n - p
            if place[axis]:
                before = tiles.patch_of(tuple(k - (a == axis) for a, k in enumerate(place)))
                assert before.hi[axis] - patch.lo[axis] >= tiles.overlap[axis]


@given(tilings(), st.data())
def test_who_gives_a_box_is_found(tiles, data):
    """The tiles touching a box are those whose part has a voxel in it, and no others."""
    lo = tuple(data.draw(st.integers(0, n - 1)) for n in tiles.shape)
    hi = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(lo, tiles.shape, strict=True))
    box = VoxelBox(lo, hi)

    def meets(part: VoxelBox) -> bool:
        return all(max(a, c) < min(b, d) for a, b, c, d in zip(lo, hi, part.lo, part.hi, strict=True))

    assert set(places(tiles.touching(box))) == {p for p in all_places(tiles) if meets(tiles.part_of(p))}


@given(tilings())
def test_tiles_are_those_of_sampling(tiles):
    """Without overlap the parts are blocks; patches that fit stand where a tiling of positions has them."""
    if tiles.overlap == (0, 0, 0):
        blocks = Blocks(tiles.shape, tiles.patch)
        assert [tiles.part_of(tiles.place(i)) for i in range(tiles.size)] == list(blocks)
    if all(p <= n for p, n in zip(tiles.patch, tiles.shape, strict=True)):
        positions = tuple(n - p + 1 for n, p in zip(tiles.shape, tiles.patch, strict=True))
        stride = tuple(p - o for p, o in zip(tiles.patch, tiles.overlap, strict=True))
        tiling = Tiling(positions, stride)
        assert tiling.tiles == tiles.counts
        firsts = [tiles.patch_of(tiles.place(i)).lo for i in range(tiles.size)]
        assert list(tiling) == [int(np.ravel_multi_index(first, positions)) for first in firsts]


def test_an_array_shorter_than_a_patch_lies_in_its_middle():
    """The one patch sticks out by the same on both sides, by one more below where that is odd."""
    tiles = Tiles((5, 4, 8), (8, 8, 8))
    assert tiles.counts == (1, 1, 1)
    assert tiles.patch_of((0, 0, 0)) == VoxelBox((-2, -2, 0), (6, 6, 8))


def test_there_may_be_any_number():
    """Places of 10^12 tiles are arithmetic."""
    tiles = Tiles((10**6 * 64,) * 3, (64,) * 3, (0, 0, 0))
    assert tiles.size == 10**18
    assert np.ravel_multi_index(tiles.place(10**17), tiles.counts) == 10**17


@pytest.mark.parametrize(
    "lengths", [((0, 4, 4), (2, 2, 2), (0, 0, 0)), ((4, 4, 4), (2, 2, 2), (0, 2, 0))], ids=["empty", "stuck"]
)
def test_tiles_that_never_arrive_are_refused(lengths):
    """An array without voxels, and an overlap as long as the patch."""
    with pytest.raises(ConfigurationError, match="Tiles must cover"):
        Tiles(*lengths)
