"""Where outputs lie, and that tiles share them out: each voxel once, whatever the voxel sizes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.config import parse_arrays
from cellmap_data.dataset_writer.asked import Target
from cellmap_data.dataset_writer.geometry import Geometry
from cellmap_data.dataset_writer.outputs import Frame, Output
from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Lattice, PatchSpec, Tiles, VoxelBox

EVERYWHERE = (None, None, None)


def target(bounds=EVERYWHERE, shape=(4, 4, 4), scale=(8, 8, 8)) -> Target:
    (spec,), _ = parse_arrays({"out": {"shape": shape, "scale": scale}})
    return Target(spec, None, bounds)


def cube(n: int, s: float, t: float = 0.0) -> Lattice:
    return Lattice((t,) * 3, (s,) * 3, (n,) * 3)


@pytest.mark.parametrize(
    ("edges", "first", "count"),
    [((0, 1600), 0.0, 200), ((-4, 1596), 0.0, 200), ((8, 16), 8.0, 1), ((4, 12), 8.0, 1), ((3, 12), 8.0, 1)],
    ids=str,
)
def test_bounds_hold_the_voxels_centred_in_them(edges, first, count):
    """On their lower edge or above it, and below their upper edge."""
    output = Output.of(target((edges,) * 3), cube(300, 8.0), PatchSpec((4,) * 3, (8.0,) * 3))
    assert output.lattice == cube(count, 8.0, first)


def test_bounds_may_reach_beyond_raw_but_not_miss_it():
    """What was asked for is written, unless none of it can mean anything."""
    patch = PatchSpec((4,) * 3, (8.0,) * 3)
    assert Output.of(target(((-80, 80),) * 3), cube(5, 8.0), patch).lattice == cube(20, 8.0, -80.0)
    with pytest.raises(ConfigurationError, match=r"z: nothing of raw .*; x: no voxel"):
        Output.of(target(((800, 900), None, (1, 2))), cube(5, 8.0), patch)


@st.composite
def geometries(draw) -> Geometry:
    """Two outputs of voxel sizes, phases, bounds and patches of any kind."""
    outputs = []
    for name in draw(st.sampled_from((["a"], ["a", "b"]))):
        voxel = draw(st.tuples(*[st.sampled_from((4.0, 5.24, 8.0, 12.0))] * 3))
        origin = draw(st.tuples(*[st.sampled_from((0.0, 2.0, -4.0, 13.7))] * 3))
        shape = draw(st.tuples(*[st.integers(1, 12)] * 3))
        patch = draw(st.tuples(*[st.integers(1, 6)] * 3))
        outputs.append(Output(name, PatchSpec(patch, voxel), Lattice(origin, voxel, shape)))
    return Geometry(tuple(outputs), Frame.of(outputs))


def places(counts):
    return itertools.product(*map(range, counts))


@given(geometries())
def test_tiles_share_out_every_output(geometry):
    """Each voxel of each output is of one tile, and lies in what the model gives for that tile."""
    tiles, patches = geometry.tiles, [output.patch.shape for output in geometry.outputs]
    owners = [np.zeros(output.lattice.shape, np.int64) for output in geometry.outputs]
    for place in places(tiles.counts):
        firsts = geometry.firsts(tiles.patch_of(place), patches)
        for i, box in geometry.boxes(tiles.part_of(place)).items():
            owners[i][box.slices] += 1
            ends = [a + n for a, n in zip(firsts[i], patches[i], strict=True)]
            assert all(f <= a for f, a in zip(firsts[i], box.lo, strict=True))
            assert all(b <= e for b, e in zip(box.hi, ends, strict=True))
    assert all((owner == 1).all() for owner in owners)


@given(geometries(), st.data())
def test_overlapping_tiles_give_every_output(geometry, data):
    """With overlap each voxel of each output is given at least once, from within the patches."""
    overlap = tuple(data.draw(st.integers(0, p - 1)) for p in geometry.frame.patch)
    tiles = Tiles(geometry.frame.lattice.shape, geometry.frame.patch, overlap)
    patches = [output.patch.shape for output in geometry.outputs]
    given_by = [np.zeros(output.lattice.shape, np.int64) for output in geometry.outputs]
    for place in places(tiles.counts):
        firsts = geometry.firsts(tiles.patch_of(place), patches)
        for i, box in geometry.boxes(tiles.part_of(place)).items():
            given_by[i][box.slices] += 1
            assert all(f <= a for f, a in zip(firsts[i], box.lo, strict=True))
            assert all(b <= f + n for b, f, n in zip(box.hi, firsts[i], patches[i], strict=True))
    assert all((count >= 1).all() for count in given_by)


def test_outputs_of_one_lattice_are_the_frame():
    """Then tiles are patches, and the first begins with the first voxel."""
    lattice, patch = cube(10, 8.0, 104.0), PatchSpec((4,) * 3, (8.0,) * 3)
    geometry = Geometry((Output("out", patch, lattice),), Frame.of([Output("out", patch, lattice)]))
    assert geometry.frame == Frame(lattice, (4, 4, 4))
    assert geometry.boxes(VoxelBox((0, 4, 8), (4, 8, 10))) == {0: VoxelBox((0, 4, 8), (4, 8, 10))}
