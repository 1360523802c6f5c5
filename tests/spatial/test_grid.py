from __future__ import annotations

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Box, Grid, Lattice, PatchSpec, Source, first_voxel, sampling_grid

SIZES = (1.0, 3.36, 5.24, 8.0)


def cube(n, p, s=8.0, t=0.0, pad=False, stored=None) -> Source:
    """N voxels of one size from t on, and a patch of P voxels, the same along all axes."""
    return Source(Lattice((t,) * 3, (stored or s,) * 3, (n,) * 3), PatchSpec((p,) * 3, (s,) * 3), pad)


def along_x(grid: Grid) -> list[float]:
    """The centres along x."""
    return [grid.first[2] + k * grid.step[2] for k in range(grid.counts[2])]


@given(st.sampled_from(SIZES), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))
def test_every_patch_inside_a_volume_is_a_position(s, t, n, p):
    """N voxels hold N - P + 1 patches along an axis, from the first voxel to the last."""
    grid = sampling_grid([cube(n, p, s, t * 1.31)])
    starts = [first_voxel(c, t * 1.31, s, p) for c in along_x(grid)]
    assert starts == list(range(n - p + 1))


def test_a_crop_of_exactly_the_patch_has_one_position():
    """N == P is one position, in the middle."""
    grid = sampling_grid([cube(64, 64, 5.24)])
    assert (grid.size, grid.centre(0)) == (1, grid.sampling_box.centre)
    assert grid.centre(0)[0] == pytest.approx(31.5 * 5.24)


@pytest.mark.parametrize("axis", range(3))
def test_a_volume_smaller_than_the_patch_has_no_position_unless_padded(axis):
    """N < P: without padding none; with it, one position along that axis, on the nearest place there is."""
    n = tuple(6 if a == axis else 20 for a in range(3))
    lattice, patch = Lattice((0.0,) * 3, (8.0,) * 3, n), PatchSpec((11, 11, 11), (8.0,) * 3)
    assert sampling_grid([Source(lattice, patch)]).size == 0
    padded = sampling_grid([Source(lattice, patch, pad=True)])
    assert padded.counts == tuple(1 if a == axis else 10 for a in range(3))
    # The middle of 6 voxels is 20 nm, a tie between the lattice's 16 and 24.
    assert padded.first[axis] == 16.0


def test_a_grid_without_positions_has_no_box():
    """No position: size and length 0, no sampling box, every index out of range."""
    grid = sampling_grid([cube(4, 5)])
    assert (grid.size, len(grid), grid.sampling_box) == (0, 0, None)
    with pytest.raises(IndexError):
        grid.centre(0)


@st.composite
def samples(draw):
    """One or two inputs and up to two targets of various sizes, in one dimension's worth of variety."""

    def source():
        s = draw(st.sampled_from((2.0, 4.0, 8.0)))
        return cube(draw(st.integers(4, 40)), draw(st.integers(1, 12)), s, t=draw(st.integers(-20, 20)) * 1.0)

    return [source() for _ in range(draw(st.integers(1, 2)))], [
        source() for _ in range(draw(st.integers(0, 2)))
    ]


@given(samples())
def test_positions_are_the_places_of_the_reference_that_all_sources_can_serve(sample):
    """Compared with trying every place of the finest input's lattice."""
    inputs, targets = sample
    grid = sampling_grid(inputs, targets)
    finest = min(inputs, key=lambda source: source.patch.voxel[2])
    t, s, p = finest.lattice.origin[2], finest.lattice.voxel[2], finest.patch.shape[2]
    served = [
        c
        for c in (t + (k + (p - 1) / 2) * s for k in range(-20, 80))
        if all(
            source.lattice.bounding_box.contains(Box.around((c,) * 3, source.patch.extent), (1e-6,) * 3)
            for source in (*inputs, *targets)
        )
    ]
    if served:
        assert along_x(grid) == pytest.approx(served)
    else:
        assert grid.counts[2] <= 1
        assert all(
            source.lattice.bounding_box.contains(Box.around((c,) * 3, source.patch.extent), (1e-6,) * 3)
            for c in along_x(grid)
            for source in (*inputs, *targets)
        )


def test_the_step_is_the_finest_scale_of_an_input():
    """Of several inputs the finest sets the step; a target, however fine, does not."""
    grid = sampling_grid([cube(50, 8, 16.0), cube(100, 8, 8.0)], [cube(400, 8, 2.0)])
    assert grid.step == (8.0, 8.0, 8.0)


def test_each_axis_has_its_own_reference():
    """Inputs that are finest along different axes each set the step of theirs."""
    flat = Source(Lattice((0.0,) * 3, (32.0, 4.0, 4.0), (40,) * 3), PatchSpec((1, 8, 8), (32.0, 4.0, 4.0)))
    assert sampling_grid([flat, cube(40, 4, 8.0)]).step == (8.0, 4.0, 4.0)


def test_positions_for_voxels_that_are_not_stored_start_at_the_lower_face():
    """Voxels of 16 nm made of 4 nm ones lie on a lattice against the lower face of what is stored."""
    grid = sampling_grid([cube(40, 2, 16.0, stored=4.0)])
    assert (grid.first[2], grid.step[2], grid.counts[2]) == (-2.0 + 16.0, 16.0, 9)


def test_a_stored_size_that_is_off_by_a_hair_keeps_the_stored_lattice():
    """Asking for 8 nm of voxels of 8.0001 nm steps by what is stored: far positions are copies too."""
    grid = sampling_grid([cube(100_000, 64, 8.0, stored=8.0001)])
    assert (grid.step[2], grid.counts[2]) == (8.0001, 100_000 - 63)


def test_a_label_crop_between_the_voxels_of_raw_is_not_lost():
    """A crop of exactly the patch whose place is none of raw's keeps its own."""
    raw, crop = cube(100, 16, 8.0), cube(64, 64, 2.0, t=79.0)
    grid = sampling_grid([raw], [crop])
    assert (grid.size, grid.first) == (1, crop.lattice.bounding_box.centre)


def test_sources_that_share_no_space_have_no_position():
    """Padding makes up for what is too small, not for what lies elsewhere."""
    assert sampling_grid([cube(10, 4, pad=True)], [cube(10, 4, t=800.0, pad=True)]).size == 0


@pytest.mark.parametrize("t", [0.0, 24.0], ids=["sticking out of raw", "inside raw"])
def test_padding_leaves_one_position_in_the_middle_of_what_is_common(t):
    """Where raw and labels overlap by less than the patch, the one position has the overlap in its middle."""
    raw, crop = cube(20, 9, pad=True), cube(5, 9, t=t - 16.0, pad=True)
    grid = sampling_grid([raw], [crop])
    assert grid.counts == (1, 1, 1)
    assert grid.first[2] == {0.0: 8.0, 24.0: 24.0}[t]


def test_a_padded_target_does_not_move_what_is_not_padded():
    """The one position of a small padded crop stays where the unpadded input has all of its patch."""
    raw, crop = cube(20, 10), cube(4, 10, t=0.0, pad=True)
    grid = sampling_grid([raw], [crop])
    assert (grid.counts, grid.first) == ((1, 1, 1), (36.0, 36.0, 36.0))


@given(st.tuples(*[st.integers(1, 7)] * 3))
def test_positions_are_counted_in_c_order(counts):
    """Position i is the i-th place with x running fastest."""
    grid = Grid((1.0, -2.0, 3.36), (8.0, 5.24, 3.36), counts)
    centres = [grid.centre(i) for i in range(grid.size)]
    assert centres == [
        tuple(f + k * s for f, k, s in zip(grid.first, place, grid.step, strict=True))
        for place in itertools.product(*map(range, counts))
    ]


@pytest.mark.parametrize("index", [-1, 8, 10**30], ids=["negative", "one too far", "far too far"])
def test_there_is_no_position_out_of_range(index):
    """An index out of range is an IndexError and wraps nowhere."""
    with pytest.raises(IndexError, match="no such position"):
        Grid((0.0,) * 3, (8.0,) * 3, (2, 2, 2)).centre(index)


@pytest.mark.parametrize("n", [10**4, 10**7], ids=["10^12", "10^21"])
def test_positions_of_any_number_cost_nothing(n):
    """Positions are arithmetic on Python integers: the last of 10^21 is as near as the first."""
    grid = sampling_grid([cube(n, 1, 8.0)])
    assert grid.size == n**3
    assert grid.centre(grid.size - 1) == ((n - 1) * 8.0,) * 3 == grid.sampling_box.hi
    assert len(pickle.dumps(grid)) < 500


def test_positions_need_an_input():
    """Without an input there is no lattice for positions."""
    with pytest.raises(ConfigurationError, match="at least one input"):
        sampling_grid([], [cube(10, 4)])


def test_a_padded_position_keeps_to_the_reference_where_the_nearest_place_serves_not_all():
    """Of the places of the reference the nearest one from which every patch reaches its array is taken."""
    raw = Source(Lattice((112.0,) * 3, (24.0,) * 3, (2,) * 3), PatchSpec((3,) * 3, (24.0,) * 3), pad=True)
    crop = Source(Lattice((136.0,) * 3, (24.0,) * 3, (9,) * 3), PatchSpec((1,) * 3, (8.0,) * 3), pad=True)
    assert sampling_grid([raw], [crop]).first == (136.0,) * 3  # 112 is as near, but beside the crop
