"""How work is divided: all tiles of each region, nothing listed, few predicted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data.dataset_writer.outputs import Frame
from cellmap_data.dataset_writer.regions import Batches, Work, region_shape
from cellmap_data.spatial import Lattice, Tiles


def frame(shape) -> Frame:
    """A frame of voxels of 1 nm; the patch is that of the tiles."""
    return Frame(Lattice((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), shape), (1, 1, 1))


@st.composite
def works(draw) -> Work:
    shape = draw(st.tuples(*[st.integers(1, 14)] * 3))
    patches = [draw(st.tuples(*[st.integers(1, 6)] * 3)) for _ in range(draw(st.integers(1, 2)))]
    overlaps = [tuple(draw(st.integers(0, p - 1)) for p in patch) for patch in patches]
    unit = draw(st.tuples(*[st.integers(1, 7)] * 3))
    planes = tuple(Tiles(shape, patch, overlap) for patch, overlap in zip(patches, overlaps, strict=True))
    region = region_shape(planes, unit, 4, draw(st.integers(4 * 7**3, 4 * 14**3)))
    return Work(frame(shape), planes, region)


@settings(max_examples=60)
@given(works(), st.integers(1, 5))
def test_every_region_gets_all_its_tiles_and_no_batch_spans_two(work, batch_size) -> None:
    """Batches of one region and plane; numbers lead back to tiles; all that reach into a region come."""
    seen: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for batch in Batches(work, range(work.regions.size), batch_size):
        places = [work.place(number) for number in batch]
        assert len({place[:2] for place in places}) == 1
        seen.setdefault(places[0][:2], []).extend(place.tile for place in places)
    for (region, plane), tiles in seen.items():
        assert len(tiles) == len(set(tiles))
        box, cut = work.regions[region], work.planes[plane]
        parts = [(tile, cut.part_of(tile)) for tile in map(cut.place, range(cut.size))]
        meeting = {
            tile
            for tile, part in parts
            if all(max(a, c) < min(b, d) for a, b, c, d in zip(box.lo, box.hi, part.lo, part.hi, strict=True))
        }
        assert set(tiles) == meeting
    assert len(seen) == work.regions.size * len(work.planes)
    assert sum(map(len, seen.values())) / sum(cut.size for cut in work.planes) == pytest.approx(work.repeated)


def test_regions_are_whole_blocks_within_the_window() -> None:
    """Multiples of a block, as large as the window allows; without overlap whole tiles, of a handy size."""
    shape = (1000, 1000, 1000)
    for overlap, patch, unit in (((32,) * 3, (128,) * 3, (64,) * 3), ((0,) * 3, (96,) * 3, (64,) * 3)):
        region = region_shape([Tiles(shape, patch, overlap)], unit, 12, 1 << 29)
        assert all(r % u == 0 for r, u in zip(region, unit, strict=True))
        size = np.prod(region) * 12
        if overlap == (0, 0, 0):
            assert all(r % p == 0 for r, p in zip(region, patch, strict=True))
            assert 1 << 25 < size < 1 << 27
        else:
            assert (1 << 29) / 3 < size <= 1 << 29


def test_memory_is_that_of_the_window() -> None:
    """Regions of a volume of 10^15 voxels are found by arithmetic and need no list."""
    shape = (100_000,) * 3
    tiles = Tiles(shape, (128,) * 3, (32,) * 3)
    work = Work(
        frame(shape),
        (tiles,),
        region_shape([tiles], (128,) * 3, 12, 1 << 29),
    )
    last = work.numbers(work.regions.size - 1, 0)
    assert work.place(last[-1]).region == work.regions.size - 1 > 10**7
    assert 1 < work.repeated < 3
