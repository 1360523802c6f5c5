"""Lazy lists of indices."""

import numpy as np
import pytest
import torch

from cellmap_data.dataset import JoinedIndices, sizes_within


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        pytest.param([], 0, id="none"),
        pytest.param(range(10**6), 1, id="without-a-gap"),
        pytest.param([0, 1, 4, 5, 6, 9], 3, id="in-runs"),
        pytest.param([3, 5, 7], 3, id="each-alone"),
    ],
)
def test_rising_numbers_are_stored_by_their_runs_and_read_as_a_list(numbers, runs):
    """Only interruptions take memory, and indexing is that of a list."""
    indices = JoinedIndices.of(iter(numbers))
    assert len(indices.parts) == runs
    assert indices[-3:] == list(numbers)[-3:]
    assert [indices[i] for i in range(min(len(numbers), 10))] == list(numbers[:10])
    with pytest.raises(IndexError):
        indices[len(numbers)]


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor], ids=["list", "array", "tensor"])
def test_indices_are_counted_by_range_whatever_holds_them(kind):
    """How many of them fall into each of some ranges; floats are no indices."""
    assert sizes_within(kind([0, 3, 5]), [3, 1, 4]) == [1, 1, 1]
    with pytest.raises(TypeError, match="whole number"):
        sizes_within(kind([0.0, 3.0]), [3, 1])
