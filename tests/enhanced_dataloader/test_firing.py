"""Every hook fires exactly once for its batch, sample, epoch or worker, where and in the order it says."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import SampleError
from tests.enhanced_dataloader.recorder import Recorder
from tests.toy import EXECUTORS, Broken, Toy, executor_id, seeded

WAYS = {
    "loader": iter,
    "torch-loader": lambda loader: iter(loader.loader),
    "next": lambda loader: iter(lambda it=iter(loader): next(it, None), None),
}
CONSUMER = ("pre_epoch", "post_collate", "post_batch", "post_epoch")

every_executor = pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
with_and_without_prefetch = pytest.mark.parametrize(
    "prefetch", [True, False], ids=["prefetch", "no-prefetch"]
)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "events")


def make(recorder, dataset=None, **options):
    return EnhancedCellMapDataLoader(
        dataset or Toy(11), batch_size=2, rng=seeded(), plugins=[recorder], **options
    )


@pytest.mark.executor
@every_executor
@every_way
@with_and_without_prefetch
def test_once_for_each_batch_and_sample(recorder, options, way, prefetch):
    """A whole epoch: each batch hook once a batch, each sample hook once a sample, each in its process."""
    with make(recorder, enable_prefetch=prefetch, **options) as loader:
        batches = [batch["idx"].tolist() for batch in way(loader)]
    expected = [str(batch) for batch in batches]
    for hook in ("post_collate", "post_batch"):
        assert recorder.calls(hook) == expected, hook
    for hook in ("pre_batch", "load_samples"):
        calls = recorder.calls(hook)
        assert (calls if loader.num_workers < 2 else sorted(calls)) == (
            expected if loader.num_workers < 2 else sorted(expected)
        ), hook
    samples = Counter(str(index) for batch in batches for index in batch)
    assert Counter(recorder.calls("post_sample")) == samples
    assert recorder.calls("pre_epoch") == recorder.calls("post_epoch") == ["0"]
    assert all(row[2:] == ("home", "main") for row in recorder.lines(*CONSUMER))
    readers = {row[2] for row in recorder.lines("pre_batch", "load_samples", "post_sample")}
    assert readers == {"worker" if loader.num_workers else "home"}


@pytest.mark.parametrize("workers", [0, 1])
def test_in_order_around_each_batch(recorder, workers):
    """The consumer's hooks alternate: epoch begins, batch, asked for the next, batch, ..., epoch ends."""
    with make(recorder, num_workers=workers) as loader:
        for number, batch in enumerate(loader):
            assert recorder.calls("post_collate")[-1] == str(batch["idx"].tolist())
            assert len(recorder.calls("post_batch")) == number
            assert recorder.calls("post_epoch") == []
    assert [row[0] for row in recorder.lines(*CONSUMER)] == [
        "pre_epoch",
        *["post_collate", "post_batch"] * 6,
        "post_epoch",
    ]


def test_samples_are_finished_in_the_threads_that_read_ahead(recorder):
    """With prefetching, ``post_sample`` runs in the reading threads, ahead of the batch that is asked for."""
    with make(recorder, dataset=Toy(40), max_prefetch=8) as loader:
        iterator = iter(loader)
        next(iterator)
        deadline = time.monotonic() + 20
        while len(recorder.calls("post_sample")) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(recorder.calls("post_sample")) == 10
    assert {row[3] for row in recorder.lines("post_sample")} == {"thread"}


@pytest.mark.executor
@every_executor
def test_early_close_settles_the_last_batch_and_ends_the_epoch(recorder, options):
    """Leaving a loop early fires ``post_batch`` for the batch in hand and ``post_epoch``, once each."""
    with make(recorder, **options) as loader:
        for _ in range(2):
            for number, _batch in enumerate(loader):
                if number == 2:
                    break
    assert len(recorder.calls("post_collate")) == len(recorder.calls("post_batch")) == 6
    assert recorder.calls("pre_epoch") == recorder.calls("post_epoch") == ["0", "1"]


@pytest.mark.executor
@every_executor
def test_an_exception_in_the_loop_ends_the_epoch(recorder, options):
    """An exception in the user's own step fires the closing hooks once."""
    with make(recorder, **options) as loader:
        with pytest.raises(ZeroDivisionError):
            for _batch in loader:
                raise ZeroDivisionError
        assert recorder.calls("post_epoch") == ["0"]
    assert len(recorder.calls("post_batch")) == 1


@pytest.mark.executor
@every_executor
def test_a_failing_read_ends_the_epoch(recorder, options):
    """A sample that cannot be read ends the epoch at its batch, hooks included; the next begins anew."""
    with make(recorder, dataset=Broken(), is_train=False, **options) as loader:
        for epoch in ("0", "1"):
            with pytest.raises(SampleError, match="index 7 is broken"):
                for _batch in loader:
                    pass
            assert recorder.calls("post_epoch")[-1] == epoch
        assert len(recorder.calls("post_collate")) == len(recorder.calls("post_batch")) == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_indexing_has_every_batch_hook_and_no_epoch_hook(recorder, workers):
    """``loader[...]`` is a batch like any other to plugins, but no epoch."""
    with make(recorder, num_workers=workers) as loader:
        assert loader[4]["idx"].tolist() == [4]
        assert loader[[5, 6]]["idx"].tolist() == [5, 6]
    for hook in ("pre_batch", "load_samples", "post_collate", "post_batch"):
        assert recorder.calls(hook) == ["[4]", "[5, 6]"], hook
    first, *others = recorder.calls("post_sample")  # two threads read the halves of a batch
    assert (first, sorted(others)) == ("4", ["5", "6"])
    assert recorder.calls("pre_epoch") == []


def test_indexing_in_mid_epoch_does_not_disturb_what_is_read_ahead(recorder):
    """A look at some samples between two batches costs the epoch nothing: each sample is finished once."""
    with make(recorder, dataset=Toy(20)) as loader:
        for number, _batch in enumerate(loader):
            if number in (1, 4):
                loader[[3, 3]]
    counts = Counter(recorder.calls("post_sample"))
    assert counts.pop("3") == 5
    assert set(counts.values()) == {1}


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS[1:], ids=executor_id)
def test_workers_are_set_up_and_torn_down_once(recorder, options):
    """Each worker process announces its begin before it reads and its end when it ends in good order."""
    with make(recorder, **options) as loader:
        list(loader)
        list(loader)
    generations = 1 if options.get("persistent_workers") else 2
    expected = sorted(str(n) for n in range(loader.num_workers)) * generations
    deadline = time.monotonic() + 20
    while len(recorder.calls("teardown_worker")) < len(expected) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(recorder.calls("setup_worker")) == sorted(expected)
    assert sorted(recorder.calls("teardown_worker")) == sorted(expected)
    first = {row[0] for row in recorder.lines() if row[2] == "worker"}
    assert first == {"setup_worker", "pre_batch", "load_samples", "post_sample", "teardown_worker"}


def test_memory_is_asked_for_once_a_batch(recorder):
    """``allocate_batch`` fires for each planned batch."""
    list(make(recorder))
    assert len(recorder.calls("allocate_batch")) == 6


def test_accelerate_in_one_process(recorder):
    """Through ``accelerator.prepare`` each hook fires once a batch, one batch ahead of the user's step."""
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    with make(recorder) as loader:
        batches = [batch["idx"].tolist() for batch in accelerator.prepare(loader.loader)]
    assert recorder.calls("post_collate") == recorder.calls("post_batch") == [str(batch) for batch in batches]
    assert recorder.calls("post_epoch") == ["0"]
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
