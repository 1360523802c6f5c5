"""Which positions samplers and loaders choose, and how often."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
import zarr

from cellmap_data import (
    CellMapDataLoader,
    CellMapDataset,
    CellMapMultiDataset,
    CellMapSubset,
    ClassBalancedSampler,
    EnhancedCellMapDataLoader,
    ForegroundSampler,
    MutableSubsetRandomSampler,
)
from cellmap_data.sampler import UniformSampler, WeightedSampler
from cellmap_data.testing import ramp, write_labels, write_volume
from tests.contract.crops import CLASSES, INPUTS, RANDOM, TARGETS, equal, kept
from tests.sampler.statistics import fits

LOADERS = [CellMapDataLoader, EnhancedCellMapDataLoader]

# "nuc" is frequent and in two crops, "mito" is rare and in one of them; "er" is nowhere; the last is empty.
SHOWN = [{"nuc": 200}, {"nuc": 50, "mito": 10}, {"mito": 0}]
SHAPES = [(9, 9, 8), (10, 8, 8), (8, 8, 8)]  # 4, 3 and 1 positions


def crop_of(path, shape, shown) -> CellMapDataset:
    """A crop in which the first voxels show each class, as many as ``shown`` says."""
    raw = write_volume(path / "raw", ramp(shape))
    masks = {
        name: (np.arange(np.prod(shape)) < count).astype(np.uint8).reshape(shape)
        for name, count in shown.items()
    }
    return CellMapDataset(raw, write_labels(path, masks), CLASSES, INPUTS, TARGETS, seed=5)


@pytest.fixture
def crops(tmp_path) -> CellMapMultiDataset:
    """Three crops of differing classes, densities and sizes."""
    made = [crop_of(tmp_path / str(i), *given) for i, given in enumerate(zip(SHAPES, SHOWN, strict=True))]
    return CellMapMultiDataset(made)


def weights_by_hand() -> list[float]:
    """Background over foreground of each class, times its density in each crop."""
    voxels = [int(np.prod(shape)) for shape in SHAPES]
    nuc = (voxels[0] + voxels[1] - 250) / 250
    mito = (voxels[1] + voxels[2] - 10) / 10
    return [nuc * 200 / voxels[0], nuc * 50 / voxels[1] + mito * 10 / voxels[1], 0.0]


def test_class_weights_are_background_over_foreground(crops) -> None:
    """In class order; 1 for a class that is shown nowhere."""
    assert list(crops.class_weights) == CLASSES
    voxels = [int(np.prod(shape)) for shape in SHAPES]
    assert crops.class_weights["nuc"] == pytest.approx((sum(voxels[:2]) - 250) / 250)
    assert crops.class_weights["mito"] == pytest.approx((sum(voxels[1:]) - 10) / 10)
    assert crops.class_weights["er"] == 1


def test_a_weighted_sampler_draws_as_it_says(crops) -> None:
    """Positions by the weight of their crop (10,000 draws); the empty crop is not drawn."""
    assert crops.crop_weights == pytest.approx(weights_by_hand())
    rng = torch.Generator().manual_seed(1)
    drawn = list(crops.get_weighted_sampler(4, rng, samples_per_epoch=10_000))
    assert fits(np.bincount(drawn, minlength=8), np.repeat(weights_by_hand(), [4, 3, 1]))


def test_datasets_can_have_weights(crops) -> None:
    """Datasets are drawn by them, whatever their sizes and classes."""
    drawn = list(crops.get_weighted_sampler(dataset_weights=[1, 1, 2], samples_per_epoch=10_000))
    assert fits(np.bincount(drawn, minlength=8), np.repeat([1 / 4 / 4, 1 / 4 / 3, 1 / 2], [4, 3, 1]))


def test_without_any_foreground_weights_are_even(tmp_path) -> None:
    """Crops that show nothing are drawn by their positions."""
    dark = CellMapMultiDataset([crop_of(tmp_path / str(i), SHAPES[i], {"nuc": 0}) for i in range(2)])
    assert dark.crop_weights == [1, 1]
    assert set(dark.get_weighted_sampler(samples_per_epoch=200)) == set(range(7))


def drawn_by(loader) -> list[int]:
    """The positions of an epoch."""
    return [i for batch in loader for i in batch["idx"].tolist()]


@pytest.mark.parametrize("kind", LOADERS)
def test_a_loader_draws_by_weight(kind, crops) -> None:
    """``weighted_sampler=True`` draws as the dataset's own sampler does, ``iterations_per_epoch`` batches."""
    loader = kind(crops, batch_size=8, weighted_sampler=True, iterations_per_epoch=100, device="cpu")
    assert len(loader) == 100
    drawn = drawn_by(loader)
    assert len(drawn) == 800
    assert fits(np.bincount(drawn, minlength=8)[:7], np.repeat(weights_by_hand()[:2], [4, 3]))
    assert 7 not in drawn


def test_without_iterations_as_many_are_drawn_as_there_are_positions(crops) -> None:
    """None is every position once; by weight, as many draws."""
    assert len(drawn_by(CellMapDataLoader(crops, weighted_sampler=True))) == len(crops) == 8


def test_one_crop_is_weighted_evenly(crops) -> None:
    """A dataset of one crop has a weighted sampler too."""
    loader = CellMapDataLoader(
        crops.datasets[0], weighted_sampler=True, iterations_per_epoch=40, batch_size=5
    )
    assert fits(np.bincount(drawn_by(loader)), [1, 1, 1, 1])


@pytest.mark.parametrize("workers", [0, 2])
def test_class_balanced_batches(workers, crops) -> None:
    """The sampler balances what the crops annotate, and is the same for any number of workers."""
    sampler = ClassBalancedSampler(crops, samples_per_epoch=60)
    assert sampler.active_classes == [CLASSES.index("nuc"), CLASSES.index("mito")]
    options = {"batch_size": 6, "sampler": sampler, "num_workers": workers}
    with CellMapDataLoader(crops, **options) as loader:
        drawn = np.array(drawn_by(loader))
    assert drawn.tolist() == list(ClassBalancedSampler(crops, samples_per_epoch=60))
    crop = np.searchsorted([4, 7], drawn, side="right")
    nuc, mito = np.isin(crop, [0, 1]).sum(), np.isin(crop, [1, 2]).sum()
    assert abs(nuc - mito) <= 1


def test_a_dataset_without_annotation_cannot_be_balanced(tmp_path) -> None:
    """A ValueError says that there are no active classes."""
    raw = CellMapDataset(write_volume(tmp_path, ramp((8, 8, 8))), input_arrays=INPUTS)
    with pytest.raises(ValueError, match="no active classes"):
        ClassBalancedSampler(raw)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_random_subset_can_be_drawn_anew(weighted, crops) -> None:
    """The same positions epoch after epoch in another order, others after ``refresh()``."""
    rng = torch.Generator().manual_seed(2)
    sampler = crops.get_subset_random_sampler(5, weighted, rng)
    assert isinstance(sampler, MutableSubsetRandomSampler)
    loader = CellMapDataLoader(crops, sampler=sampler, rng=rng)
    subsets = []
    for _ in range(6):
        first, second = drawn_by(loader), drawn_by(loader)
        assert sorted(first) == sorted(second)
        assert len(first) == 5
        assert weighted or len(set(first)) == 5
        assert not (weighted and 7 in first)
        subsets.append(tuple(sorted(first)))
        sampler.refresh()
    assert len(set(subsets)) > 1


def test_a_callable_sampler_gives_another_subset_at_each_refresh(crops) -> None:
    """A program that makes a random subset anew for each epoch trains on another one each time."""

    def new_subset():
        return crops.get_subset_random_sampler(5, weighted=False)

    loader = CellMapDataLoader(crops, sampler=new_subset)
    subsets = set()
    for _ in range(4):
        subsets.add(frozenset(drawn_by(loader)))
        loader.refresh()
    assert len(subsets) == 4


def test_a_subset_is_sampled_by_class_too(crops) -> None:
    """Samplers over a ``CellMapSubset`` draw its positions by the crops they lie in."""
    positions = [0, 2, 4, 5, 6, 7]  # 2, 3 and 1 of the crops
    subset = CellMapSubset(crops, positions)
    assert subset.crop_sizes == [2, 3, 1]
    assert CellMapSubset(subset, range(1, 6)).crop_sizes == [1, 3, 1]
    loader = CellMapDataLoader(subset, batch_size=8, weighted_sampler=True, iterations_per_epoch=50)
    drawn = np.bincount(drawn_by(loader), minlength=8)
    assert not drawn[[1, 3, 7]].any()
    assert fits(drawn[[0, 2, 4, 5, 6]], np.repeat(weights_by_hand()[:2], [2, 3]))
    balanced = list(ClassBalancedSampler(subset, samples_per_epoch=200))
    assert set(balanced) == set(range(6))
    assert set(subset.get_subset_random_sampler(50, weighted=True)) == set(range(5))
    assert subset.get_subset_random_sampler(4).indices[0] in range(6)
    for turned in ([5, 4], [-1, 3]):
        with pytest.raises(ValueError, match="ascend"):
            ClassBalancedSampler(CellMapSubset(crops, turned))


def test_a_subset_of_one_crop(crops) -> None:
    """A single crop has such a sampler too, each position once."""
    sampler = crops.datasets[0].get_subset_random_sampler(3)
    assert len(set(sampler)) == 3


def test_a_callable_sampler_is_called_anew_by_refresh(crops) -> None:
    """The indices that it gives are those of the epochs until the next refresh."""
    chosen = iter([[1, 2], [3], [4, 5, 6]])
    loader = CellMapDataLoader(crops, sampler=lambda: next(chosen))
    for expected in ([1, 2], [3], [4, 5, 6]):
        assert drawn_by(loader) == drawn_by(loader) == expected
        if expected != [4, 5, 6]:
            loader.refresh()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_says_where_it_comes_from_and_comes_again(workers, crops) -> None:
    """``explain`` names crop, centre, transform and labels; ``replay`` makes the same voxels again."""
    crops.set_spatial_transforms(RANDOM | {"rotate": {"axes": {"z": [-30, 30]}}})
    with CellMapDataLoader(crops, batch_size=3, num_workers=workers, weighted_sampler=True) as loader:
        batches = kept(loader)
        for k in range(len(crops)):
            told, again = loader.explain(0, k), loader.replay(0, k)
            expected = {name: value[k % 3] for name, value in batches[k // 3].items()}
            assert equal(again, expected)
            crop = crops.datasets[told.index // 4]
            assert told.origin.raw == crop.raw_path
            assert dict(zip("zyx", told.origin.centre, strict=True)) == crop.get_center(told.index % 4)
            assert told.origin.labels.keys() <= {"nuc", "mito"}
            for words in (crop.raw_path, "centre", "degrees about (z, y, x)", "nuc from", "er not annotated"):
                assert words in str(told)
    with pytest.raises(FrozenInstanceError):
        told.k = 3


def test_the_motion_that_is_told_is_the_one_that_was_drawn(tmp_path) -> None:
    """Voxels of a sample lie where its explanation says."""
    raw = write_volume(tmp_path, ramp((24, 24, 24)), translation=(0, 0, 0))
    dataset = CellMapDataset(raw, input_arrays=INPUTS, spatial_transforms=RANDOM, seed=4)
    plain = CellMapDataset(raw, input_arrays=INPUTS)
    loader = CellMapDataLoader(dataset, iterations_per_epoch=6)
    moved = 0
    for k, batch in enumerate(loader):
        told = loader.explain(0, k).origin
        straight = plain[told.position]["raw"][0]
        expected = straight.permute(told.motion.perm).flip([i for i in range(3) if told.motion.flips[i]])
        assert torch.equal(batch["raw"][0, 0], expected)
        moved += told.motion.perm != (0, 1, 2) or any(told.motion.flips)
    assert moved


@pytest.fixture
def huge(tmp_path) -> CellMapMultiDataset:
    """Two volumes of eight thousand million positions each, which store nothing."""
    made = []
    for name in "ab":
        path = write_volume(tmp_path / name, ramp((8, 8, 8)))
        group = zarr.open_group(path, mode="r+")
        group.create_array("s0", shape=(2000,) * 3, chunks=(64,) * 3, dtype="u1", overwrite=True)
        made.append(CellMapDataset(path, input_arrays=INPUTS, seed=1))
    return CellMapMultiDataset(made)


def test_no_sampler_lists_positions(huge) -> None:
    """Of sixteen thousand million positions each sampler begins at once, in little memory."""
    huge.verify()
    tracemalloc.start()
    samplers = [
        huge.get_weighted_sampler(),
        huge.get_weighted_sampler(dataset_weights=[1, 2]),
        huge.get_subset_random_sampler(10**9, weighted=False),
        huge.get_subset_random_sampler(10**9, weighted=True),
        UniformSampler(len(huge)),
    ]
    drawn = [list(itertools.islice(sampler, 500)) for sampler in samplers]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert all(max(indices) > 0.98 * len(huge) for indices in drawn)
    assert all(0 <= min(indices) < 0.02 * len(huge) for indices in drawn)


SAMPLERS = {
    "weighted": lambda crops, **ranks: WeightedSampler([4, 3, 1], [1, 2, 3], 40, seed=1, **ranks),
    "class-balanced": lambda crops, **ranks: ClassBalancedSampler(crops, 40, **ranks),
    "uniform": lambda crops, **ranks: UniformSampler(8, True, 40, seed=1, **ranks),
    "subset": lambda crops, **ranks: MutableSubsetRandomSampler(lambda: range(8), **ranks),
}


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_no_rank_and_no_epoch_draws_what_another_does(make, crops) -> None:
    """Epochs differ; two ranks share each, so that together they draw what one process draws."""
    alone, ranks = make(crops), [make(crops, rank=rank, world_size=2) for rank in range(2)]
    epochs = [list(alone) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    for epoch in epochs:
        shares = [list(rank) for rank in ranks]
        assert list(itertools.chain(*zip(*shares, strict=True))) == epoch
    alone.set_epoch(1)
    assert list(alone) == epochs[1]


def test_a_seed_follows_torch_unless_it_is_given() -> None:
    """A sampler without seed repeats itself with ``torch.manual_seed``; a seed of its own comes first."""

    def drawn(torch_seed: int, seed: int | None) -> list[int]:
        torch.manual_seed(torch_seed)
        return list(UniformSampler(30, seed=seed))

    with torch.random.fork_rng():
        assert drawn(1, None) == drawn(1, None) != drawn(2, None)
        assert drawn(1, 7) == drawn(2, 7)


RESUMED = {
    "weighted": lambda crops: crops.get_weighted_sampler(samples_per_epoch=9),
    "class-balanced": lambda crops: ClassBalancedSampler(crops, samples_per_epoch=9),
    "foreground": lambda crops: ForegroundSampler(crops, samples_per_epoch=9),
    "windowed": lambda crops: crops.get_windowed_sampler(2, 64),
    "subset": lambda crops: crops.get_subset_random_sampler(9, weighted=True),
    "none": lambda _: None,
}


@pytest.mark.parametrize("make", RESUMED.values(), ids=RESUMED)
@pytest.mark.parametrize("workers", [0, 2])
def test_training_goes_on_in_the_middle_of_an_epoch(workers, make, crops) -> None:
    """Voxels, labels and augmentation of the remaining batches are the ones that would have come."""
    crops.set_spatial_transforms(RANDOM)

    def loading(threads: int) -> CellMapDataLoader:
        return CellMapDataLoader(crops, batch_size=2, sampler=make(crops), num_workers=threads)

    with loading(0) as loader, loading(workers) as resumed:
        whole = kept(loader)
        loader.set_epoch(0)
        for number, _ in enumerate(loader):
            if number == 1:
                state = loader.state_dict()
                break
        resumed.load_state_dict(state)
        assert all(map(equal, kept(resumed), whole[2:]))
        assert state["k"] == 4
        assert resumed.explain(0, 5).index == int(whole[2]["idx"][1])
        assert equal(resumed.replay(0, 5), {name: value[1] for name, value in whole[2].items()})
