"""The plain loader, used as people use it."""

from __future__ import annotations

import gc
import math
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    Subset,
)

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError, PositionError, SampleError, StaleIteratorError
from tests.toy import EXECUTORS, Broken, Plain, Toy, executor_id, is_right, seeded

WAYS = {
    "loader": iter,
    "torch-loader": lambda loader: iter(loader.loader),
    "next": lambda loader: iter(lambda it=iter(loader): next(it, None), None),
}

every_executor = pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.mark.executor
@every_executor
@every_way
def test_every_position_once_an_epoch_in_a_new_order(options, way):
    """Two epochs visit every position once each, in different orders, with the right voxels."""
    with CellMapDataLoader(Toy(), batch_size=3, rng=seeded(), **options) as loader:
        assert isinstance(loader.loader, DataLoader)
        assert len(loader) == len(loader.loader) == 7
        orders = []
        for _ in range(2):
            batches = list(way(loader))
            assert len(batches) == 7
            assert all(is_right(batch) for batch in batches)
            orders.append(torch.cat([batch["idx"] for batch in batches]).tolist())
        assert sorted(orders[0]) == sorted(orders[1]) == list(range(20))
        assert orders[0] != orders[1]


def test_a_batch_is_what_a_user_expects():
    """A batch is a dict of stacked tensors: shapes, dtypes, idx."""
    batch = next(iter(CellMapDataLoader(Toy(), batch_size=4)))
    assert {key: (tuple(value.shape), value.dtype) for key, value in batch.items()} == {
        "idx": ((4,), torch.int64),
        "x": ((4, 1, 4, 4, 4), torch.float32),
        "noise": ((4, 3), torch.float32),
    }


def test_validation_is_in_sequence():
    """Without training the order is the dataset's."""
    loader = CellMapDataLoader(Toy(5), batch_size=2, is_train=False)
    assert [batch["idx"].tolist() for batch in loader] == [[0, 1], [2, 3], [4]]


def test_drop_last_drops_the_short_batch():
    """``drop_last`` leaves out what does not fill a batch, and the length knows."""
    loader = CellMapDataLoader(Toy(5), batch_size=2, drop_last=True)
    assert len(loader) == len(list(loader)) == 2


@pytest.mark.parametrize("count", [2, 9])
def test_iterations_per_epoch_counts_batches(count):
    """An epoch has as many batches as asked, more or fewer than positions give; none comes early twice."""
    loader = CellMapDataLoader(Toy(6), batch_size=2, iterations_per_epoch=count)
    seen = torch.cat([batch["idx"] for batch in loader]).tolist()
    assert len(loader) == count
    assert len(seen) == 2 * count
    assert len(set(seen[:6])) == min(6, 2 * count)


def test_a_sampler_is_followed():
    """Indices come in the sampler's order, also from a callable, which is asked again by refresh."""
    loader = CellMapDataLoader(Toy(), batch_size=2, sampler=[4, 1, 9])
    assert [batch["idx"].tolist() for batch in loader] == [[4, 1], [9]]
    orders = iter([[1, 2], [3, 4]])
    loader = CellMapDataLoader(Toy(), batch_size=2, sampler=lambda: next(orders))
    assert next(iter(loader))["idx"].tolist() == [1, 2]
    loader.refresh()
    assert next(iter(loader))["idx"].tolist() == [3, 4]
    loader.sampler = [0]
    loader.refresh()
    assert len(loader) == 1


def test_a_batch_sampler_is_followed():
    """Batches come as a batch sampler makes them."""
    loader = CellMapDataLoader(Toy(5), batch_sampler=BatchSampler(SequentialSampler(range(5)), 3, False))
    assert [batch["idx"].tolist() for batch in loader] == [[0, 1, 2], [3, 4]]


def test_indexing_reads_here_and_now():
    """``loader[i]`` and ``loader[[i, j]]`` are batches of those positions, also in the middle of an epoch."""
    loader = CellMapDataLoader(Toy(), batch_size=2)
    whole = [batch["idx"].tolist() for batch in CellMapDataLoader(Toy(), batch_size=2)]
    seen = []
    for batch in loader:
        assert loader[np.int64(3)]["idx"].tolist() == [3]
        assert loader[torch.tensor(3)]["idx"].tolist() == loader[np.array(3)]["idx"].tolist() == [3]
        assert loader[np.array([5, 1])]["idx"].tolist() == [5, 1]
        assert loader[4:6]["idx"].tolist() == [4, 5]
        seen.append(batch["idx"].tolist())
    assert seen == whole


def test_other_datasets_work_too():
    """Samples that are no dicts are collated as torch does, and a torch Subset is looked through."""
    tensors, indices = next(iter(CellMapDataLoader(Plain(), batch_size=3, is_train=False)))
    assert tensors.shape == (3, 2)
    assert indices.tolist() == [0, 1, 2]
    subset = CellMapDataLoader(Subset(Toy(), [4, 7]), batch_size=2, is_train=False)
    assert next(iter(subset))["idx"].tolist() == [4, 7]


@pytest.mark.parametrize("wrap", [lambda d: Subset(d, range(20)), lambda d: ConcatDataset([Toy(3), d])])
def test_torch_s_own_datasets_keep_the_draws(wrap):
    """Behind a Subset or a ConcatDataset, samples draw anew in each epoch, as they do without."""
    loader = CellMapDataLoader(wrap(Toy()), batch_size=4, is_train=False, rng=seeded())
    first, second = ({tuple(noise.tolist()) for batch in loader for noise in batch["noise"]} for _ in "12")
    assert len(first) == len(loader.dataset)
    assert not first & second


def test_a_newer_iterator_closes_the_older():
    """Two iterators of one loader do not mix: the older says what happened."""
    loader = CellMapDataLoader(Toy(), batch_size=2)
    older = iter(loader)
    next(older)
    newer = iter(loader)
    with pytest.raises(StaleIteratorError, match="newer one"):
        next(older)
    assert len(list(newer)) == 10


class Slow(Toy):
    """Takes its time for each sample."""

    def before(self, index):
        time.sleep(0.02)


@pytest.mark.parametrize(
    "options", [{}, {"enable_prefetch": False}, {"num_workers": 1}], ids=["ahead", "in-turn", "worker"]
)
def test_a_loader_may_be_closed_from_another_thread(options):
    """Who waits for a batch gets it, is told then that the loader was closed, and may iterate again."""
    loader = EnhancedCellMapDataLoader(Slow(), batch_size=2, rng=seeded(), **options)
    batches = iter(loader)
    seen = [next(batches)]
    closing = threading.Thread(target=loader.close)
    closing.start()
    with pytest.raises(StaleIteratorError, match="its loader was closed"):
        seen.extend(batches)
    closing.join()
    assert all(is_right(batch) for batch in seen)
    with loader:
        assert is_right(next(iter(loader)))


def test_two_loaders_at_once():
    """Two loaders over one dataset do not disturb each other."""
    dataset = Toy()
    loaders = [CellMapDataLoader(dataset, batch_size=4, rng=seeded(n), num_workers=n) for n in (0, 1)]
    alone = [
        [b["idx"].tolist() for b in CellMapDataLoader(Toy(), batch_size=4, rng=seeded(n))] for n in (0, 1)
    ]
    together = list(zip(*loaders, strict=True))
    assert [[pair[n]["idx"].tolist() for pair in together] for n in (0, 1)] == alone


@pytest.mark.executor
@every_executor
def test_a_sample_that_cannot_be_read_is_named_and_the_loader_goes_on(options):
    """What a dataset raises arrives at its batch, with the indices, also from workers; the loader goes on."""
    dataset = Broken()
    with CellMapDataLoader(dataset, batch_size=2, is_train=False, **options) as loader:
        seen = []
        with pytest.raises(SampleError, match=r"indices \[6, 7\](.|\n)*ValueError: index 7 is broken"):
            seen.extend(batch["idx"].tolist() for batch in loader)
        assert seen == [[0, 1], [2, 3], [4, 5]]
        loader.sampler = [1, 2]
        loader.refresh()
        assert [batch["idx"].tolist() for batch in loader] == [[1, 2]]


def test_the_global_generator_is_left_alone():
    """Iterating, with workers or without, does not move torch's global generator."""
    torch.manual_seed(1)
    untouched = torch.rand(1)
    for workers in (0, 1):
        torch.manual_seed(1)
        list(CellMapDataLoader(Toy(4), num_workers=workers, rng=seeded()))
        assert torch.equal(torch.rand(1), untouched)


def test_a_dropped_loader_is_freed_at_once():
    """Dropping the last reference frees loader, engine and workers without waiting for the collector."""
    gc.collect()
    gc.disable()
    try:
        loader = CellMapDataLoader(Toy(), batch_size=2, num_workers=1, persistent_workers=True)
        next(iter(loader))
        import multiprocessing

        assert multiprocessing.active_children()
        del loader
        assert not multiprocessing.active_children()
    finally:
        gc.enable()


class Stream(IterableDataset):
    """A dataset without positions."""

    def __iter__(self):
        return iter(())


@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_position_that_is_not_there_is_an_index_error(kind, workers):
    """Whoever names it, and whatever reads: it is no fault of a plugin that passes it on."""
    with kind(Toy(4), sampler=[1, 4], num_workers=workers, device="cpu") as loader:
        with pytest.raises(PositionError, match=r"(?s)could not be read.*indices \[4\].*outside 0\.\.3"):
            list(loader)
        with pytest.raises(IndexError, match="outside"):
            loader[4]


def test_a_loader_says_what_it_is():
    """With its dataset, and what decides on its batches."""
    loader = CellMapDataLoader(Toy(4), batch_size=2)
    assert repr(loader).startswith("CellMapDataLoader(<tests.toy.Toy object")
    assert repr(loader).endswith(", batch_size=2, num_workers=0, is_train=True)")


def test_a_sampler_yields_whole_numbers():
    """Floats are not rounded."""
    with pytest.raises(TypeError, match="whole number"):
        list(CellMapDataLoader(Toy(4), sampler=[1.5]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dataset": Stream()}, "IterableDataset"),
        ({"dataset": "crop/raw"}, "needs to know the positions(?s:.)*got: +str"),
        (
            {"dataset": SimpleNamespace(train_datasets_combined=Toy())},
            "train_datasets_combined, or validation",
        ),
        ({"dataset": [Toy(), Toy()]}, "CellMapMultiDataset"),
        ({"dataset": Toy(), "persistant_workers": True}, "did you mean 'persistent_workers'"),
        ({"dataset": Toy(), "prefetch_factor": 2}, "needs num_workers > 0"),
        ({"dataset": Toy(), "weighted_sampler": True}, "get_weighted_sampler"),
        ({"dataset": Toy(), "batch_size": 0}, "batch_size is 0"),
        ({"dataset": Toy(), "batch_size": 2.0}, "batch_size is 2.0, expected a whole number from 1 on"),
        ({"dataset": Toy(), "num_workers": -1}, "num_workers is -1, expected a whole number from 0 on"),
        ({"dataset": Toy(), "batch_size": None}, "batch_size is None"),
        ({"dataset": Toy(), "sampler": [1], "shuffle": True}, "sampler, shuffle"),
        ({"dataset": Toy(), "iterations_per_epoch": -1}, "iterations_per_epoch is -1"),
        ({"dataset": Toy(0), "iterations_per_epoch": 3}, "a dataset of length 0"),
        ({"dataset": Toy(), "num_workers": True}, "num_workers is True"),
        ({"dataset": Toy(), "num_workers": 1, "prefetch_factor": "2"}, "prefetch_factor is '2'"),
        ({"dataset": Toy(), "num_workers": 1, "timeout": math.nan}, "timeout is nan, expected seconds"),
        ({"dataset": Toy(), "collate_fn": 3}, "collate_fn is 3, expected a function"),
        ({"dataset": Toy(), "batch_sampler": 3}, "batch_sampler is 3, expected lists"),
        ({"dataset": Toy(), "sampler": "shuffled"}, "(?s)which positions are read.*got: +str 'shuffled'"),
        ({"dataset": Toy(), "rng": 3}, "(?s)a torch.Generator.*got: +int 3.*manual_seed"),
        ({"dataset": Toy(), "rank": "0", "world_size": 2}, "(?s)a rank is one of the world's.*rank='0'"),
        ({"dataset": Toy(), "rank": 0.5, "world_size": 2}, "rank=0.5"),
    ],
    ids=[
        "iterable",
        "path",
        "split",
        "list",
        "misspelt",
        "no-workers",
        "no-weights",
        "no-batch",
        "no-whole-batch",
        "fewer-than-none",
        "no-batches",
        "two-orders",
        "no-epoch",
        "no-position",
        "yes-workers",
        "text-factor",
        "no-time",
        "no-function",
        "no-lists",
        "text-sampler",
        "no-generator",
        "text-rank",
        "half-a-rank",
    ],
)
def test_wrong_arguments_are_explained(arguments, words):
    """An argument that cannot be right is an error that names it and what to do."""
    with pytest.raises(ConfigurationError, match=words):
        CellMapDataLoader(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 0), ("batch_size", "2"), ("num_workers", -1), ("dataset", 3)],
    ids=["no-batch", "text", "fewer-than-none", "no-dataset"],
)
def test_what_is_assigned_is_checked_as_what_is_given(name, value):
    """``refresh`` refuses what the constructor would, and the loader goes on as it was."""
    loader = CellMapDataLoader(Toy(4), batch_size=2, is_train=False)
    with pytest.raises(ConfigurationError, match=name):
        setattr(loader, name, value)
        loader.refresh()
    assert [batch["idx"].tolist() for batch in loader.loader] == [[0, 1], [2, 3]]


def test_a_mask_is_no_list_of_positions():
    """Truth values would read positions 0 and 1 again and again."""
    loader = CellMapDataLoader(Toy(4))
    with pytest.raises(TypeError, match="whole number"):
        loader[torch.tensor([True, False, True, True])]
