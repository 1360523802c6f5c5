"""Weights of overlapping patches: those that others use, and a sum of one wherever patches lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.dataset_writer.scratch import Scratch
from cellmap_data.dataset_writer.weights import check_blend, patch_weights
from cellmap_data.dataset_writer.window import Blending, Mosaic
from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Tiles, VoxelBox


def monai(shape) -> np.ndarray:
    """``compute_importance_map(shape, mode="gaussian", sigma_scale=0.125)`` of MONAI, voxel by voxel."""
    weights = np.empty(shape)
    for place in np.ndindex(*shape):
        offsets = [k - (n - 1) / 2 for k, n in zip(place, shape, strict=True)]
        weights[place] = math.prod(
            math.exp(-(d**2) / (2 * (0.125 * n) ** 2)) for d, n in zip(offsets, shape, strict=True)
        )
    return np.maximum(weights, max(weights.min(), 1e-3))


@pytest.mark.parametrize("shape", [(8, 8, 8), (5, 7, 4), (1, 16, 16), (2, 2, 2)], ids=str)
def test_the_gaussian_is_that_of_monai(shape):
    """The formula of MONAI's importance map, its floor included."""
    np.testing.assert_allclose(patch_weights(shape, "gaussian"), monai(shape), rtol=1e-5)


def test_constant_weights_are_ones():
    """The mean of all tiles that give a voxel."""
    assert (patch_weights((3, 4, 5), "constant") == 1).all()


def test_an_unknown_blend_is_refused():
    """By name, with those there are."""
    with pytest.raises(ConfigurationError, match="gaussian or constant"):
        check_blend("hann")


@st.composite
def tilings(draw) -> Tiles:
    shape = draw(st.tuples(*[st.integers(1, 12)] * 3))
    patch = draw(st.tuples(*[st.integers(1, 6)] * 3))
    return Tiles(shape, patch, tuple(draw(st.integers(0, p - 1)) for p in patch))


def blended(tiles: Tiles, blend, values) -> np.ndarray:
    """What tiles of ``values(box)`` become in one window over all of the array."""
    whole = VoxelBox((0, 0, 0), tiles.shape)
    window = Blending({0: whole}, Scratch())
    for number in range(tiles.size):
        patch, part = (of(tiles.place(number)) for of in (tiles.patch_of, tiles.part_of))
        z, y, x = patch.lo
        weights = patch_weights(tiles.patch, blend)[part.shifted((-z, -y, -x)).slices]
        window.weigh(0, part, weights)
        window.add((0, "c"), part, values(part))
    return window.results()[0, "c"]


@given(tilings(), st.sampled_from(("gaussian", "constant")))
def test_weights_sum_to_one_everywhere(tiles, blend):
    """Tiles that agree give what they agree on: a volume of sevens stays one, to within rounding."""
    result = blended(tiles, blend, lambda part: np.full(part.shape, 7, np.float32))
    np.testing.assert_allclose(result, 7, rtol=1e-6)


@given(tilings(), st.sampled_from(("gaussian", "constant")))
def test_what_tiles_agree_on_stays_in_its_place(tiles, blend):
    """Values that say where they are come out where they were."""
    truth = np.arange(math.prod(tiles.shape), dtype=np.float32).reshape(tiles.shape)
    np.testing.assert_allclose(blended(tiles, blend, lambda part: truth[part.slices]), truth, rtol=1e-5)


def test_means_of_integers_are_integers():
    """Rounded to the nearest, in the type that the model gave."""
    window = Blending({0: VoxelBox((0, 0, 0), (1, 1, 2))}, Scratch())
    for value, weight in ((3, 1.0), (9, 3.0)):
        box = VoxelBox((0, 0, 0), (1, 1, 2))
        window.weigh(0, box, np.full((1, 1, 2), weight, np.float32))
        window.add((0, "c"), box, np.full((1, 1, 2), value, np.uint8))
    result = window.results()[0, "c"]
    assert (result.dtype, result.tolist()) == (np.uint8, [[[8, 8]]])


def test_tiles_side_by_side_keep_their_values():
    """Ids of 64 bits are not rounded where nothing is blended."""
    window, box = Mosaic({0: VoxelBox((4, 4, 5), (5, 5, 6))}, Scratch()), VoxelBox((4, 4, 5), (5, 5, 6))
    big = 2**53 + 1
    window.add((0, "c"), box, np.full((1, 1, 1), big, np.int64))
    assert window.results()[0, "c"].tolist() == [[[big]]]


def test_memory_of_windows_is_used_again():
    """What was given back is given out again if it is large enough; what is too small is let go of."""
    scratch = Scratch()
    values, block = scratch.take((4, 8), np.float32)
    assert (values.shape, values.dtype) == ((4, 8), np.float32)
    scratch.give_back([block])
    smaller, again = scratch.take((5,), np.int64)
    assert again is block
    assert np.shares_memory(smaller, values)
    scratch.give_back([again])
    larger, other = scratch.take((100,), np.float64)
    assert other is not block
    assert larger.nbytes == 800
