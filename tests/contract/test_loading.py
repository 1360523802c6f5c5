"""Epochs, order and seeds of the loaders, through this process and through workers."""

from __future__ import annotations

import os
import tracemalloc

import pytest
import torch
import zarr
from torch.utils.data import DataLoader

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapMultiDataset, EnhancedCellMapDataLoader
from cellmap_data.hookspecs import hookimpl
from cellmap_data.testing import ramp, write_volume
from tests.contract.crops import INPUTS, RANDOM, equal, kept, noisy, open_crop

LOADERS = [CellMapDataLoader, EnhancedCellMapDataLoader]


def drawn(loader) -> list[int]:
    """The positions of an epoch."""
    return [i for batch in loader for i in batch["idx"].tolist()]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", LOADERS)
def test_idx_is_the_position_that_was_read(kind, workers, tmp_path) -> None:
    """Each sample of a batch is the one that the dataset gives at its ``idx``, also across crops."""
    dataset = CellMapMultiDataset([open_crop(tmp_path / name, content=i) for i, name in enumerate("ab")])
    with kind(dataset, batch_size=4, num_workers=workers, device="cpu") as loader:
        for batch, _ in zip(loader, range(3), strict=False):
            assert batch["idx"].dtype == torch.int64
            for row, i in enumerate(batch["idx"].tolist()):
                assert torch.equal(batch["raw"][row], dataset[i]["raw"])


@pytest.mark.parametrize("workers", [0, 2])
def test_training_shuffles_without_replacement(workers, tmp_path) -> None:
    """Every position once in an epoch, in another order each time; out of training in sequence."""
    dataset = open_crop(tmp_path)
    with CellMapDataLoader(dataset, batch_size=16, num_workers=workers) as loader:
        first, second = drawn(loader), drawn(loader)
    assert sorted(first) == sorted(second) == list(range(125))
    assert first != second
    with CellMapDataLoader(dataset, batch_size=16, num_workers=workers, is_train=False) as loader:
        assert drawn(loader) == list(range(125))


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("count", [2, 40])
def test_iterations_per_epoch_are_batches(kind, count, tmp_path) -> None:
    """An epoch has as many batches as were asked for, fewer or more than there are positions for."""
    loader = kind(open_crop(tmp_path), batch_size=4, iterations_per_epoch=count, device="cpu")
    assert len(loader) == count
    assert [len(batch["idx"]) for batch in loader] == [4] * count


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_do_not_depend_on_workers(workers, tmp_path) -> None:
    """An augmented epoch through workers is the one this process makes."""
    dataset = open_crop(tmp_path, spatial_transforms=RANDOM, raw_value_transforms=noisy)
    options = {"batch_size": 4, "iterations_per_epoch": 6}
    expected = kept(CellMapDataLoader(dataset, **options))
    with CellMapDataLoader(dataset, num_workers=workers, **options) as loader:
        assert all(map(equal, kept(loader), expected))


def test_an_epoch_can_be_chosen(tmp_path) -> None:
    """``set_epoch`` repeats an epoch, order and augmentation, also in a new loader."""
    dataset = open_crop(tmp_path, spatial_transforms=RANDOM, raw_value_transforms=noisy)
    options = {"batch_size": 4, "iterations_per_epoch": 3}
    loader = CellMapDataLoader(dataset, **options)
    epochs = [kept(loader) for _ in range(3)]
    resumed = CellMapDataLoader(dataset, **options)
    resumed.set_epoch(2)
    assert all(map(equal, kept(resumed), epochs[2]))
    assert not equal(epochs[1][0], epochs[2][0])


def test_without_a_seed_torchs_is_taken(tmp_path) -> None:
    """``torch.manual_seed`` makes a script repeatable, and another seed makes other samples."""

    def epoch(seed: int):
        torch.manual_seed(seed)
        dataset = open_crop(tmp_path, seed=None, raw_value_transforms=noisy)
        return kept(CellMapDataLoader(dataset, batch_size=4, iterations_per_epoch=2))

    with torch.random.fork_rng():
        first, again, other = epoch(11), epoch(11), epoch(12)
    assert all(map(equal, first, again))
    assert not equal(first[0], other[0])


def test_indexing_draws_from_seed_epoch_and_position(tmp_path) -> None:
    """``dataset[i]`` is the same each time, also behind a foreign loader; epochs differ."""
    dataset = open_crop(tmp_path, raw_value_transforms=noisy)
    first = dataset[9]
    assert equal(dataset[9], first)
    foreign = DataLoader(
        dataset, batch_size=None, sampler=[9], num_workers=1, multiprocessing_context="forkserver"
    )
    assert equal(next(iter(foreign)), first)
    dataset.set_epoch(1)
    assert not equal(dataset[9], first)
    dataset.set_epoch(0)
    assert equal(dataset[9], first)


class Counting:
    """A plugin that counts the calls of its hooks."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def _count(self, hook: str) -> None:
        self.calls[hook] = self.calls.get(hook, 0) + 1

    @hookimpl
    def pre_epoch(self) -> None:
        self._count("pre_epoch")

    @hookimpl
    def post_sample(self, sample):
        self._count("post_sample")
        return sample

    @hookimpl
    def post_collate(self, batch):
        self._count("post_collate")
        return batch

    @hookimpl
    def post_epoch(self) -> None:
        self._count("post_epoch")


@pytest.mark.parametrize("workers", [0, 2])
def test_indexing_a_loader_is_a_batch_here_and_now(workers, tmp_path) -> None:
    """``loader[i]`` and ``loader[[i, j]]`` call the hooks of samples and batches once, no epoch's."""
    dataset, plugin = open_crop(tmp_path), Counting()
    with EnhancedCellMapDataLoader(dataset, num_workers=workers, device="cpu", plugins=[plugin]) as loader:
        assert loader[4]["idx"].tolist() == [4]
        assert plugin.calls == {"post_sample": 1, "post_collate": 1}
        batch = loader[[4, 7]]
        assert plugin.calls == {"post_sample": 3, "post_collate": 2}
    assert batch["idx"].tolist() == [4, 7]
    assert torch.equal(batch["raw"][1], dataset[7]["raw"])


def huge(path) -> CellMapDataset:
    """Eight thousand million positions in a volume that stores nothing."""
    write_volume(path, ramp((8, 8, 8)))
    group = zarr.open_group(str(path), mode="r+")
    group.create_array("s0", shape=(2000,) * 3, chunks=(64,) * 3, dtype="u1", overwrite=True, fill_value=3)
    return CellMapDataset(str(path), input_arrays=INPUTS, seed=1)


def test_positions_are_never_listed(tmp_path) -> None:
    """Shuffling, tiling and indexing thousands of millions of positions takes no memory to speak of."""
    dataset = huge(tmp_path)
    dataset[0]
    tracemalloc.start()
    loader = CellMapDataLoader(dataset, batch_size=2)
    batch = next(iter(loader))
    tiles, all_of_it = dataset.validation_indices, dataset.get_indices(dict.fromkeys("zyx", 8.0))
    last = int(tiles[-1]), int(all_of_it[-1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(loader) == -(-(1993**3) // 2)
    assert last[0] == 1993**3 - 1
    assert len(tiles) == 250**3
    assert len(all_of_it) > 10**9
    assert (batch["raw"] == 3).all()


def where(index: int) -> None:
    """Somebody's ``worker_init_fn``: leave a file that says who ran it."""
    with open(os.path.join(os.environ["WORKERS_SEEN"], str(index)), "w") as file:
        file.write(str(os.getpid()))


def test_worker_init_fn_runs_in_each_worker(tmp_path, monkeypatch) -> None:
    """What a program does at the start of a worker is done, once in each and not here."""
    monkeypatch.setenv("WORKERS_SEEN", str(tmp_path))
    options = {"num_workers": 2, "worker_init_fn": where, "multiprocessing_context": "spawn"}
    with CellMapDataLoader(
        open_crop(tmp_path / "crop"), batch_size=4, iterations_per_epoch=4, **options
    ) as loader:
        assert len(drawn(loader)) == 16
    pids = {(tmp_path / name).read_text() for name in "01"}
    assert len(pids) == 2
    assert str(os.getpid()) not in pids
