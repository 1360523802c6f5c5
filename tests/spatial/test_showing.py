"""Which positions show a voxel, against the plans by which patches are read."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellmap_data.spatial import (
    CopyPlan,
    Grid,
    Lattice,
    Motion,
    PatchSpec,
    Source,
    plan_read,
    positions_showing,
    resample,
    sampling_grid,
    voxels_shown,
)

sizes = st.sampled_from((4.0, 3.36, 5.24, 8.0, 30.0))
shapes = st.tuples(*[st.integers(1, 7)] * 3)
origins = st.tuples(*[st.sampled_from((0.0, 104.0, -52.4, 7.5, 10_001.68))] * 3)
triples = st.tuples(sizes, sizes, sizes)


@st.composite
def cases(draw, finer: bool):
    """A grid and labels; the patch's voxels are the stored ones, or with ``finer`` no larger."""
    origin, size, shape = draw(origins), draw(triples), draw(shapes)
    label = Lattice(origin, size, shape)
    asked = size
    if finer:
        asked = tuple(
            s / f for s, f in zip(size, draw(st.tuples(*[st.sampled_from((1, 1.5, 2))] * 3)), strict=True)
        )
    target = Source(label, PatchSpec(draw(st.tuples(*[st.integers(1, 4)] * 3)), asked), draw(st.booleans()))
    shift = draw(st.tuples(*[st.sampled_from((0.0, 0.5, -3.3))] * 3))
    raw_size = draw(st.sampled_from((size, tuple(s / 2 for s in size), tuple(s * 1.5 for s in size))))
    begin = tuple(t + d * s for t, d, s in zip(origin, shift, size, strict=True))
    raw = Source(
        Lattice(begin, raw_size, draw(st.tuples(*[st.integers(1, 20)] * 3))),
        PatchSpec(draw(st.tuples(*[st.integers(1, 4)] * 3)), raw_size),
        target.pad,
    )
    return sampling_grid([raw], [target]), target


def shown(grid: Grid, target: Source) -> np.ndarray:
    """For each position, which voxels its patch holds, by reading one voxel after the other."""
    shape = target.lattice.shape
    result = np.zeros((grid.size, *shape), bool)
    for i in range(grid.size):
        plan = plan_read(target.lattice, target.patch, grid.centre(i), Motion.identity(), snap=True)
        if plan.source.empty:
            continue
        if isinstance(plan, CopyPlan):
            result[(i, *plan.source.slices)] = True
            continue
        numbers = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
        out = np.zeros(target.patch.shape, np.int32)
        resample(plan, np.ascontiguousarray(numbers[plan.source.slices]), out, linear=False, fill=0)
        result[i] = np.isin(numbers, out)
    return result


def compare(grid: Grid, target: Source) -> None:
    assume(0 < grid.size < 400)
    expected = shown(grid, target)
    voxels = np.argwhere(np.ones(target.lattice.shape, bool))
    first, count = positions_showing(grid, target, voxels)
    for voxel, begin, n in zip(voxels.tolist(), first, count, strict=True):
        claimed = np.zeros(grid.counts, bool)
        claimed[tuple(slice(b, b + k) for b, k in zip(begin, n, strict=True))] = True
        assert (claimed.ravel() == expected[(slice(None), *voxel)]).all(), voxel
    inside = np.zeros(target.lattice.shape, bool)
    inside[voxels_shown(grid, target).slices] = True
    assert not (expected.any(axis=0) & ~inside).any()


@given(cases(finer=False))
@settings(max_examples=max(settings.default.max_examples // 2, 1))
def test_stored_voxels_are_shown_where_plans_say_so(case) -> None:
    """Of voxels of the stored size, exactly those positions are told whose patch holds the voxel."""
    compare(*case)


@given(cases(finer=True))
@settings(max_examples=max(settings.default.max_examples // 2, 1))
def test_so_are_voxels_that_are_made_up(case) -> None:
    """So it is of patches with finer voxels than are stored, which repeat them."""
    compare(*case)


def test_a_grid_without_positions_shows_nothing() -> None:
    """No position, no voxel."""
    source = Source(Lattice((0.0,) * 3, (8.0,) * 3, (9, 9, 9)), PatchSpec((3, 3, 3), (8.0,) * 3))
    assert voxels_shown(Grid((0.0,) * 3, (8.0,) * 3, (2, 0, 2)), source).empty
