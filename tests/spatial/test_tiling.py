"""Tiles: nothing left out, nothing outside, whatever the lengths."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import (
    Blocks,
    Grid,
    Lattice,
    PatchSpec,
    Source,
    Tiles,
    Tiling,
    first_voxel,
    sampling_grid,
)

LENGTHS = st.tuples(*[st.integers(1, 14)] * 3)
PATCHES = st.tuples(*[st.integers(1, 6)] * 3)
VOXELS = st.tuples(*[st.sampled_from((1.0, 3.36, 5.24, 8.0))] * 3)


def box(firsts, shape) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for a, n in zip(firsts, shape, strict=True))


@given(LENGTHS, PATCHES, VOXELS, st.integers(-40, 40))
def test_the_tiles_of_a_volume_cover_it_and_stay_inside(shape, patch, voxel, shift):
    """Patches at the tiles' centres hold every voxel of a volume that a patch fits into, and none beyond."""
    origin = tuple(shift * 1.31 * s for s in voxel)
    lattice, spec = Lattice(origin, voxel, shape), PatchSpec(patch, voxel)
    grid = sampling_grid([Source(lattice, spec)])
    tiles = grid.tiles(spec.extent)
    covered = np.zeros(shape, np.int64)
    for position in tiles:
        axes = zip(grid.centre(position), origin, voxel, patch, strict=True)
        firsts = [first_voxel(*axis) for axis in axes]
        assert all(0 <= a <= n - p for a, n, p in zip(firsts, shape, patch, strict=True))
        covered[box(firsts, patch)] += 1
    fits = all(n >= p for n, p in zip(shape, patch, strict=True))
    assert (covered > 0).all() == fits
    assert (
        len(tiles)
        == len(set(tiles))
        == (np.prod([-(-n // p) for n, p in zip(shape, patch, strict=True)]) if fits else 0)
    )


@given(LENGTHS, PATCHES)
def test_every_voxel_lies_in_exactly_one_block(shape, block):
    """Blocks partition an array."""
    blocks, owners = Blocks(shape, block), np.zeros(shape, np.int64)
    for part in blocks:
        owners[part.slices] += 1
    assert (owners == 1).all()


@given(LENGTHS, PATCHES)
def test_tiles_are_the_positions_of_patches_moved_inward(shape, patch):
    """Sampling and writing agree: tile i of the positions is the patch of tile i of the voxels."""
    counts = tuple(max(n - p, 0) + 1 for n, p in zip(shape, patch, strict=True))
    tiling, tiles = Tiling(counts, patch), Tiles(shape, patch)
    assert tiling.tiles == tiles.counts == Blocks(shape, patch).counts
    firsts = [np.maximum(tiles.patch_of(tiles.place(i)).lo, 0) for i in range(tiles.size)]
    assert list(tiling) == [np.ravel_multi_index(first, counts) for first in firsts]


@pytest.mark.parametrize(
    ("n", "patch", "expected"),
    [
        (400, 128, [0, 128, 256, 272]),
        (256, 128, [0, 128]),
        (128, 128, [0]),
        (100, 128, []),
        (5, 1, [0, 1, 2, 3, 4]),
        (7, 3, [0, 3, 4]),
    ],
    ids=["not a multiple", "a multiple", "one patch", "too small", "planes", "odd"],
)
def test_the_last_tile_is_shifted_inward(n, patch, expected):
    """Tiles follow one another without a gap, and the last ends with the volume."""
    source = Source(Lattice((0.0,) * 3, (8.0,) * 3, (1, 1, n)), PatchSpec((1, 1, patch), (8.0,) * 3))
    assert list(sampling_grid([source]).tiles((8.0, 8.0, patch * 8.0))) == expected


def test_tiles_of_any_number_cost_nothing():
    """The last of 10^12 tiles is as near as the first, sliced from either end, and so is its pickle."""
    tiling = Grid((0.0,) * 3, (8.0,) * 3, (10**6,) * 3).tiles((800.0,) * 3)
    assert len(tiling) == 10_001**3
    assert tiling[-1] == 10**18 - 1
    assert tiling[:3] == [0, 100, 200]
    assert tiling[-2:] == [tiling[len(tiling) - 2], tiling[-1]]
    assert Blocks((10**6,) * 3, (100,) * 3)[10**12 - 1].hi == (10**6,) * 3
    assert pickle.loads(pickle.dumps(tiling)) == tiling


def test_less_than_a_step_takes_every_position():
    """Tiles cannot be nearer to each other than positions; a hair of a voxel is no part of the size."""
    grid = Grid((0.0,) * 3, (8.0, 5.24, 8.0), (2, 3, 2))
    assert list(grid.tiles((1.0, 5.24, 15.9999))) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert grid.tiles((1.0, 10.48 - 1e-9, 15.9999)).stride == (1, 2, 2)


@pytest.mark.parametrize("index", [8, -9], ids=["too far", "before the first"])
def test_there_is_no_tile_out_of_range(index):
    """As of any sequence: IndexError beyond the ends."""
    for sequence in (Tiling((3, 3, 3), (2, 2, 2)), Blocks((3, 3, 3), (2, 2, 2))):
        assert len(list(itertools.islice(sequence, 100))) == 8
        with pytest.raises(IndexError):
            sequence[index]


def test_tiles_without_a_size_are_refused():
    """A size of nothing, or of no number, is an error and no endless sequence."""
    for length in (0.0, -8.0, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="must have a size"):
            Grid((0.0,) * 3, (8.0,) * 3, (2, 2, 2)).tiles((8.0, length, 8.0))
    for make in (lambda: Tiling((2, 2, 2), (1, 0, 1)), lambda: Blocks((2, 2, 2), (1, 0, 1))):
        with pytest.raises(ConfigurationError, match="positive"):
            make()
