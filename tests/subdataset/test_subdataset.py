"""A subset of a dataset, alone and behind the loaders."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from cellmap_data import (
    CellMapDataLoader,
    CellMapDataset,
    CellMapMultiDataset,
    CellMapSubset,
    EnhancedCellMapDataLoader,
)
from cellmap_data.errors import HookError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.sampler import Draw, SampleIndex
from tests.enhanced_dataloader.test_storage_plugin import Sevens
from tests.volumes import make_crop, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
CHOSEN = [20, 3, 3, 41, 0]


def crops(tmp_path, **options) -> CellMapMultiDataset:
    """Two crops of 24 positions each."""
    parts = []
    for number in range(2):
        raw, labels = make_crop(tmp_path / f"crop{number}", (9, 10, 11), seed=number)
        parts.append(CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": CUBE}, {"l": CUBE}, **options))
    return CellMapMultiDataset(parts, seed=5)


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_subset_has_the_samples_of_its_positions(tmp_path) -> None:
    """Sample i is that of position indices[i], augmentation included, and says that position."""
    whole = crops(tmp_path, spatial_transforms={"mirror": {"x": 0.5, "y": 0.5}})
    subset = CellMapSubset(whole, CHOSEN)
    assert len(subset) == 5
    assert isinstance(subset, Subset)
    for sample, position in zip(subset, CHOSEN, strict=True):
        assert int(sample["idx"]) == position
        assert same(sample, whole[position])
    assert same(subset[-2], whole[41])
    assert [int(sample["idx"]) for sample in subset.__getitems__([3, 0])] == [41, 20]
    subset.set_epoch(4)
    assert (whole.epoch, subset.epoch) == (4, 4)
    with pytest.raises(IndexError):
        subset[5]


def test_an_index_keeps_its_draw(tmp_path) -> None:
    """A draw that comes with an index is that of the sample, through subsets of subsets."""
    whole = crops(tmp_path)
    subset = CellMapSubset(CellMapSubset(whole, CHOSEN), [3, 0])
    draw = Draw(1, 2, 3)
    entry = subset.locate(SampleIndex(0, draw))
    assert (entry.idx, entry.draw) == (41, draw)
    assert subset.describe(0) == whole.describe(41)


@pytest.mark.parametrize(
    "indices",
    [range(3, 40, 7), np.arange(3, 40, 7), torch.arange(3, 40, 7), tuple(range(3, 40, 7))],
    ids=lambda indices: type(indices).__name__,
)
def test_any_sequence_of_positions_will_do(indices, tmp_path) -> None:
    """Ranges, arrays, tensors and tuples are kept as they are."""
    subset = CellMapSubset(crops(tmp_path), indices)
    assert subset.indices is indices
    assert [int(sample["idx"]) for sample in subset] == list(range(3, 40, 7))


class Endless:
    """Ten thousand million positions; it counts those that are computed."""

    computed = 0

    def __len__(self) -> int:
        return 10**10

    def __getitem__(self, i: int) -> int:
        type(self).computed += 1
        return i % 48


def test_lazy_positions_stay_lazy(tmp_path) -> None:
    """Of ten thousand million positions only those are computed that are read, behind a loader too."""
    Endless.computed = 0
    subset = CellMapSubset(crops(tmp_path), Endless())
    loader = CellMapDataLoader(subset, batch_size=2, iterations_per_epoch=3)
    assert [int(i) % 48 == int(i) for batch in loader for i in batch["idx"]] == [True] * 6
    assert Endless.computed < 100


@pytest.mark.executor
@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader])
def test_loaders_read_a_subset(kind, workers, tmp_path) -> None:
    """Every position once, straight in the memory of its batch, the same for any number of workers."""
    whole = crops(tmp_path, spatial_transforms={"mirror": {"x": 0.5}})
    subset = CellMapSubset(whole, range(0, 48, 5))
    with kind(subset, batch_size=4, num_workers=workers, device="cpu", is_train=False) as loader:
        batches = [{key: value.clone() for key, value in batch.items()} for batch in loader]
        assert loader.report().outside_slots == 0
    assert [i for batch in batches for i in batch["idx"].tolist()] == list(range(0, 48, 5))
    reference = CellMapDataLoader(subset, batch_size=4, is_train=False)
    assert all(same(a, b) for a, b in zip(batches, reference, strict=True))


def test_a_foreign_loader_reads_a_subset(tmp_path) -> None:
    """Torch's own DataLoader has its batches read at once, in its workers too."""
    subset = CellMapSubset(crops(tmp_path), CHOSEN)
    (batch,) = DataLoader(subset, batch_size=5)
    assert batch["idx"].tolist() == CHOSEN
    copy = pickle.loads(pickle.dumps(subset))
    assert same(copy[3], subset[3])


def test_the_seed_is_that_of_the_dataset(tmp_path) -> None:
    """A loader over a subset draws what one over the whole dataset of the same seed draws."""
    whole = crops(tmp_path)
    assert CellMapSubset(whole, CHOSEN).seed == whole.seed == 5
    loader = CellMapDataLoader(CellMapSubset(whole, range(48)), batch_size=4)
    other = CellMapDataLoader(whole, batch_size=4)
    assert [b["idx"].tolist() for b in loader] == [b["idx"].tolist() for b in other]


def test_a_subset_answers_for_its_dataset(tmp_path) -> None:
    """Classes, arrays, contents, counts, weights and the crops' classes are those of the dataset."""
    whole = crops(tmp_path)
    subset = CellMapSubset(whole, CHOSEN)
    names = ("classes", "input_arrays", "target_arrays", "contents", "class_counts", "class_weights")
    assert all(getattr(subset, name) == getattr(whole, name) for name in names)
    assert [id(recipe) for recipe in subset.recipes] == [id(recipe) for recipe in whole.recipes]
    assert torch.equal(subset.get_crop_class_matrix(), whole.get_crop_class_matrix())
    assert subset.to("cpu", non_blocking=True) is subset
    assert subset.verify()
    assert not CellMapSubset(whole, []).verify()
    subset.close()


def test_a_random_subset_of_a_subset(tmp_path) -> None:
    """Positions here, each once, the same for the same seed; others after ``refresh`` and anew."""
    subset = CellMapSubset(crops(tmp_path), range(0, 48, 2))
    sampler = subset.get_subset_random_sampler(10)
    drawn = list(sampler)
    assert len(set(drawn)) == 10
    assert set(drawn) <= set(range(24))
    assert (
        list(CellMapSubset(crops(tmp_path / "again"), range(0, 48, 2)).get_subset_random_sampler(10)) == drawn
    )
    assert set(subset.get_subset_random_sampler(10)) != set(drawn)
    assert all(int(subset[i]["idx"]) == 2 * i for i in drawn)
    sampler.refresh()
    assert set(sampler) != set(drawn)


def test_what_a_subset_is_told_reaches_live_workers(tmp_path) -> None:
    """Transforms set on the subset are those of the dataset, and workers that live have them at once."""
    whole = crops(tmp_path)
    subset = CellMapSubset(whole, range(8))
    options = {"num_workers": 1, "persistent_workers": True, "is_train": False}
    with CellMapDataLoader(subset, batch_size=8, **options) as loader:
        (before,) = [batch["raw"].clone() for batch in loader]
        subset.set_raw_value_transforms(torch.nn.Identity())
        subset.set_target_value_transforms(Plus(40))
        subset.set_spatial_transforms({"mirror": {"x": 1.0}})
        (after,) = list(loader)
        assert torch.equal(after["raw"], before.flip(-1))
        assert after["l"].min() == 40
    assert subset.revision == whole.revision > 0


class Plus(torch.nn.Module):
    """Adds a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.number


def test_plugins_are_lent_to_the_dataset(tmp_path) -> None:
    """A plugin of the loader that opens arrays opens those of a subset."""
    raw = write_multiscale(tmp_path / "sevens.zarr", np.zeros((24, 24, 24), np.uint8))
    subset = CellMapSubset(CellMapDataset(str(raw), None, None, {"raw": CUBE}), range(4))
    loader = EnhancedCellMapDataLoader(subset, batch_size=2, plugins=[Sevens()], device="cpu")
    assert all((batch["raw"] == 7).all() for batch in loader)


class Fails:
    """Fails at every sample."""

    name = "fails"

    @hookimpl
    def post_sample(self, sample):
        raise KeyError("membrane")


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_say_where_a_sample_lies(workers, tmp_path) -> None:
    """The crop, and its place there, are named through the subset."""
    subset = CellMapSubset(crops(tmp_path), [29])
    loader = EnhancedCellMapDataLoader(subset, plugins=[Fails()], num_workers=workers, device="cpu")
    with loader, pytest.raises(HookError) as caught:
        next(iter(loader))
    assert caught.value.crop == subset.dataset.describe(29)
