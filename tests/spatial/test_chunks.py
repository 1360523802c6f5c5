"""How many chunks a patch touches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.spatial import Access, VoxelBox, chunks_touched, distinct_chunks, mean_chunks

lengths = st.integers(1, 60)


@given(length=lengths, patch=st.integers(1, 70), chunk=st.integers(1, 70))
def test_the_mean_is_that_of_all_places(length, patch, chunk):
    """Formula and enumeration agree for every array, patch and chunk, also where the patch is the longer."""
    inside = min(patch, length)
    counts = [len({voxel // chunk for voxel in range(o, o + inside)}) for o in range(length - inside + 1)]
    assert mean_chunks(length, patch, chunk) == pytest.approx(sum(counts) / len(counts), rel=1e-12)


def test_in_a_large_array_it_is_the_textbook_formula():
    """(P - 1) / C + 1, for an array of 10^12 voxels as quickly as for any other."""
    assert mean_chunks(10**12, 128, 64) == pytest.approx(127 / 64 + 1, rel=1e-9)


@given(data=st.data())
def test_a_box_touches_the_chunks_that_its_voxels_lie_in(data):
    """Counted without visiting one of them."""
    shape = st.tuples(*[st.integers(1, 5)] * 3)
    lo, extent, chunk = data.draw(st.tuples(*[st.integers(0, 9)] * 3)), data.draw(shape), data.draw(shape)
    hi = tuple(a + n for a, n in zip(lo, extent, strict=True))
    voxels = [
        (z // chunk[0], y // chunk[1], x // chunk[2])
        for z in range(lo[0], hi[0])
        for y in range(lo[1], hi[1])
        for x in range(lo[2], hi[2])
    ]
    assert chunks_touched(VoxelBox(lo, hi), chunk) == len(set(voxels))


sizes = st.tuples(*[st.integers(1, 4)] * 3)


@given(places=sizes, patch=sizes, chunk=sizes)
def test_different_chunks_of_two_patches_are_those_of_all_pairs(places, patch, chunk):
    """Formula and enumeration agree; of one patch it is the mean of all its places."""
    touched = [
        frozenset(
            (z, y, x)
            for z in range(at[0] // chunk[0], (at[0] + patch[0] - 1) // chunk[0] + 1)
            for y in range(at[1] // chunk[1], (at[1] + patch[1] - 1) // chunk[1] + 1)
            for x in range(at[2] // chunk[2], (at[2] + patch[2] - 1) // chunk[2] + 1)
        )
        for at in np.ndindex(places)
    ]
    assert distinct_chunks(places, patch, chunk, 1) == pytest.approx(np.mean([len(one) for one in touched]))
    pairs = [len(one | other) for one in touched for other in touched]
    assert distinct_chunks(places, patch, chunk, 2) == pytest.approx(np.mean(pairs))


def test_an_access_multiplies_the_axes():
    """Bytes are of whole chunks, with as many bytes as a voxel has; used are those of the patch."""
    access = Access((512,) * 3, (128,) * 3, (128,) * 3, (64,) * 3, 2)
    assert access.chunks == pytest.approx(mean_chunks(512, 128, 64) ** 3)
    assert access.nbytes == pytest.approx(access.chunks * 64**3 * 2)
    assert access.nbytes_used == 2 * 128**3
