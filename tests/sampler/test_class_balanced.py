"""Balance of classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import ClassBalancedSampler
from tests.sampler.statistics import fits


class Crops:
    """Crops of some sizes; ``matrix`` says what is annotated in each."""

    def __init__(self, sizes, matrix) -> None:
        self.crop_sizes, self.matrix = sizes, matrix

    def __len__(self) -> int:
        return sum(self.crop_sizes)

    def get_crop_class_matrix(self) -> torch.Tensor:
        return torch.tensor(self.matrix, dtype=torch.bool)


#                     sizes            class 0, 1, 2, 3
APART = Crops([3, 5, 0, 2, 4], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
TOGETHER = Crops([4, 4, 4], [[1, 1, 0], [1, 0, 0], [1, 0, 1]])


def test_probabilities_are_as_stated():
    """Classes that never share a crop are equally likely, so are their crops, and positions there."""
    drawn = list(ClassBalancedSampler(APART, 10_000))
    by_position = [1 / 2 / 3] * 3 + [1 / 4 / 5] * 5 + [1 / 4 / 2] * 2 + [0] * 4
    assert fits(np.bincount(drawn, minlength=14), by_position)


def test_classes_are_seen_equally_often():
    """Within a block, classes that never share a crop are drawn as often, to within one."""
    drawn = np.array(list(ClassBalancedSampler(APART, 1001)))
    assert abs((drawn < 3).sum() - (drawn >= 3).sum()) <= 1


def test_the_least_seen_class_is_drawn():
    """Every draw is of a crop that annotates a class that no other was seen less than, up to the restart."""
    drawn = list(ClassBalancedSampler(TOGETHER, 3000))
    matrix = np.array(TOGETHER.matrix)
    for k, index in enumerate(drawn):
        if k % 1024 == 0:
            seen = np.zeros(3, int)
        crop = matrix[index // 4]
        assert seen[crop == 1].min() == seen.min()
        seen += crop
    # Class 0 comes with either other, so it need not be drawn itself but for the beginning.
    assert np.bincount(np.array(drawn) // 4)[1] < 10


def test_ties_are_broken_evenly():
    """The first draw of an epoch is of any class alike (10,000 epochs)."""
    crops = Crops([1, 1, 1], np.eye(3))
    sampler = ClassBalancedSampler(crops)
    order = sampler.order(7)
    first = [int(order.indices(epoch, np.array([0]))[0]) for epoch in range(3000)]
    assert fits(np.bincount(first), [1, 1, 1])


def test_a_block_is_a_function_of_seed_epoch_and_block():
    """Any places can be asked for alone; other seeds, epochs and blocks draw otherwise."""
    order = ClassBalancedSampler(APART).order(42)
    whole = order.indices(3, np.arange(4096))
    for places in (np.arange(1500, 2600), np.array([4000, 17, 1024]), np.arange(1, 4096, 3)):
        assert (order.indices(3, places) == whole[places]).all()
    blocks = [whole[:1024], whole[1024:2048], order.indices(4, np.arange(1024))]
    blocks.append(ClassBalancedSampler(APART).order(43).indices(3, np.arange(1024)))
    for i, one in enumerate(blocks):
        assert all((one == other).mean() < 0.5 for other in blocks[:i])


def test_what_a_sampler_shows():
    """The matrix, the classes that are drawn, and in which crops."""
    sampler = ClassBalancedSampler(APART)
    assert sampler.crop_class_matrix.tolist() == np.array(APART.matrix, bool).tolist()
    assert (sampler.n_crops, sampler.n_classes) == (5, 4)
    assert sampler.active_classes == [0, 1]
    assert sampler.class_to_crops == {0: [0], 1: [1, 3]}
    assert 0 <= sampler.rng.random() < 1
    assert len(sampler) == len(APART) == 14


def test_a_dataset_without_crops_is_an_error():
    """A plain torch dataset does not say what is annotated where."""
    with pytest.raises(ConfigurationError, match="crop_sizes"):
        ClassBalancedSampler(range(5))


@pytest.mark.parametrize("matrix", [[[0, 0]], [[1, 1]]], ids=["nothing annotated", "no positions"])
def test_nothing_to_balance_is_an_error(matrix):
    """Without an annotated class there are no draws."""
    with pytest.raises(ValueError, match="no active classes"):
        ClassBalancedSampler(Crops([5] if not any(matrix[0]) else [0], matrix))
