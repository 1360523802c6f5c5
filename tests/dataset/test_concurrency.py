"""Many threads, other processes: the same samples."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from cellmap_data import CellMapDataset, CellMapMultiDataset
from tests.volumes import make_crop

ARRAYS = {"raw": {"shape": (12, 12, 12), "scale": (8, 8, 8)}}
TARGETS = {
    "fine": {"shape": (12, 12, 12), "scale": (8, 8, 8)},
    "coarse": {"shape": (4, 4, 4), "scale": (16, 16, 16)},
}
CLASSES = ["nuc", "mito", "er"]
MOVES = {
    "mirror": {"x": 0.5, "z": 0.5},
    "transpose": True,
    "rotate": {"z": 45},
    "elastic": {"control_point_spacing": 48, "max_displacement": 6},
}


def noisy(values: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return values + float(rng.normal())


@pytest.fixture
def dataset(tmp_path) -> CellMapDataset:
    raw, labels = make_crop(tmp_path, annotated=("nuc", "mito"))
    return CellMapDataset(
        raw,
        labels,
        CLASSES,
        ARRAYS,
        TARGETS,
        spatial_transforms=MOVES,
        raw_value_transforms=noisy,
        target_value_transforms=noisy,
        class_relation_dict={"er": ["nuc"]},
        seed=5,
    )


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name], equal_nan=True) and one[name].dtype == other[name].dtype
        for name in one
    )


def test_eight_threads_read_what_one_reads(dataset) -> None:
    """A dataset hammered by eight threads, each in its own order, gives every time the same samples."""
    hammer(dataset, range(0, len(dataset), 97))


def test_eight_threads_read_what_one_reads_of_many_crops(tmp_path) -> None:
    """So does one made of several crops, annotated differently, whose metadata nobody has read before."""
    dataset, twin = crops_of(tmp_path), crops_of(tmp_path)
    hammer(dataset, range(0, len(twin), 211), twin)


def crops_of(folder) -> CellMapMultiDataset:
    """Three crops, each with fewer classes than the one before; nothing of them is read yet."""
    crops = []
    for number in range(3):
        raw, labels = make_crop(
            folder / str(number), classes=CLASSES, annotated=CLASSES[: 3 - number], seed=number
        )
        crops.append(CellMapDataset(raw, labels, CLASSES, ARRAYS, TARGETS, spatial_transforms=MOVES, seed=5))
    return CellMapMultiDataset(crops)


def hammer(dataset, indices: Sequence[int], twin=None) -> None:
    """Let eight threads read the same positions in different orders, starting together.

    What they must give is read by one thread before, from ``twin`` where the dataset is to be fresh.
    """
    expected = {i: (twin or dataset)[i] for i in indices}
    barrier = threading.Barrier(8)

    def read(seed: int) -> bool:
        barrier.wait()
        order = np.random.default_rng(seed).permutation(indices).tolist()
        batches = [order[i : i + 5] for i in range(0, len(order), 5)]
        return all(
            same(sample, expected[int(sample["idx"])])
            for batch in batches
            for sample in dataset.__getitems__(batch)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_a_batch_is_its_samples(dataset) -> None:
    """Reading together or one by one makes no difference."""
    indices = [5, 700, 5, 1, 42]
    assert all(same(a, dataset[i]) for a, i in zip(dataset.__getitems__(indices), indices, strict=True))


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
def test_a_pickled_dataset_gives_the_same_samples(used, dataset) -> None:
    """What arrives in another process makes the samples that the original makes, read from or not."""
    if used:
        dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(copy) == len(dataset)
    assert all(same(copy[i], dataset[i]) for i in (0, 77, -1))


def test_without_a_seed_a_pickled_dataset_draws_the_same(tmp_path) -> None:
    """seed=None is torch's initial seed where the dataset was made, in every process that reads it."""
    raw, _ = make_crop(tmp_path)
    dataset = CellMapDataset(raw, input_arrays=ARRAYS, spatial_transforms={"mirror": {"x": 0.5, "y": 0.5}})
    assert dataset.seed is None
    before = [dataset[i] for i in range(8)]
    copy = pickle.loads(pickle.dumps(dataset))
    torch.manual_seed(torch.initial_seed() + 1)
    assert all(same(copy[i], before[i]) for i in range(8))


def test_reading_a_closed_dataset_opens_it_again(dataset) -> None:
    """close() lets go of the arrays and loses nothing."""
    before = dataset[3]
    dataset.close()
    assert same(dataset[3], before)


def test_a_foreign_data_loader_with_workers_gives_the_same(dataset) -> None:
    """Torch's own DataLoader, in processes started afresh, delivers what the dataset gives here."""
    context = multiprocessing.get_context("forkserver")
    loader = DataLoader(
        dataset, batch_size=3, sampler=range(0, 60, 7), num_workers=1, multiprocessing_context=context
    )
    delivered = 0
    for batch in loader:
        for row, i in enumerate(batch["idx"].tolist()):
            assert same({name: tensor[row] for name, tensor in batch.items()}, dataset[i])
            delivered += 1
    assert delivered == 9
