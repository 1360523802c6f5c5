"""Plugins that may fail: what a loader delivers instead, and what it says about it."""

from __future__ import annotations

import multiprocessing
import warnings

import pytest
import torch

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import HookError, SampleError, SkippedWarning
from cellmap_data.hookspecs import hookimpl
from tests.toy import EXECUTORS, Broken, Toy, executor_id, is_right, seeded

BAD = {3, 7, 11}

executors = pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)


class Choosy:
    """Fails on some indices, and says what it was asked about."""

    name = "choosy"

    def __init__(self, bad=BAD):
        self.bad = set(bad)

    @hookimpl
    def post_sample(self, sample, index):
        if int(sample["idx"]) in self.bad:
            raise ValueError(f"no membrane in {index}")
        return sample | {"seen": torch.tensor(int(index))}


def epoch_of(policy, options, bad=BAD, **more):
    loader = EnhancedCellMapDataLoader(Toy(20), batch_size=4, rng=seeded(), **options, **more)
    loader.plugin_manager.register_plugin(Choosy(bad), on_error=policy)
    with loader:
        return loader, [{key: value.clone() for key, value in batch.items()} for batch in loader]


def flat(batches):
    return [index for batch in batches for index in batch["idx"].tolist()]


@pytest.mark.executor
@executors
def test_a_skipped_sample_is_replaced_by_another_draw(options):
    """The others stay, the new ones are whole and the same for every executor; the end tells the count."""
    with pytest.warns(SkippedWarning, match=r"epoch 0: plugin 'choosy' failed \d times in post_sample"):
        loader, batches = epoch_of("skip_sample", options)
    with pytest.warns(SkippedWarning):
        _, reference = epoch_of("skip_sample", {"num_workers": 0, "enable_prefetch": False})
    _, clean = epoch_of("raise", {"num_workers": 0}, bad=())
    assert all(is_right(batch) for batch in batches)
    indices = [batch["idx"].tolist() for batch in batches]
    assert indices == [batch["idx"].tolist() for batch in reference]
    assert all(torch.equal(a["noise"], b["noise"]) for a, b in zip(batches, reference, strict=True))
    for kept, was in zip(flat(batches), flat(clean), strict=True):
        assert kept not in BAD
        assert kept == was or was in BAD
    assert all(torch.equal(batch["seen"], batch["idx"]) for batch in batches)
    skipped = loader.report().account.skipped["choosy", "post_sample"]
    assert skipped.count >= len(BAD)
    assert "no membrane in" in skipped.first


class Erratic:
    """Fails at every third call for which ``idx`` is even."""

    name = "erratic"

    @hookimpl
    def post_sample(self, sample):
        if int(sample["idx"]) % 3 == 0:
            raise ValueError("a third is bad")
        return sample | {"x": sample["x"] + 1000}


@pytest.mark.executor
@executors
def test_a_skipped_plugin_leaves_the_sample_to_the_others(options):
    """Every sample comes, changed by the plugin or not."""
    loader = EnhancedCellMapDataLoader(Toy(20), batch_size=4, **options)
    loader.plugin_manager.register_plugin(Erratic(), on_error="skip_plugin(limit=100)")
    with (
        loader,
        pytest.warns(SkippedWarning, match="failed 7 times in post_sample; each time the call was left"),
    ):
        batches = [{key: value.clone() for key, value in batch.items()} for batch in loader]
    for batch in batches:
        whole = batch["idx"] + torch.where(batch["idx"] % 3 == 0, 0, 1000)
        assert (batch["x"] == whole.view(-1, 1, 1, 1, 1)).all()
    assert sorted(flat(batches)) == list(range(20))


@pytest.mark.executor
@executors
def test_the_limit_holds_for_all_workers_together(options):
    """However the failures are spread, the epoch ends soon after there are more than allowed."""
    loader = EnhancedCellMapDataLoader(Toy(60), batch_size=2, **options)
    loader.plugin_manager.register_plugin(Erratic(), on_error="skip_plugin(limit=5)")
    with loader, warnings.catch_warnings(), pytest.raises(HookError, match="'erratic' failed"):
        warnings.simplefilter("ignore", SkippedWarning)
        list(loader)
    assert 5 <= loader.report().account.skipped["erratic", "post_sample"].count <= 20


@pytest.mark.executor
@executors
def test_training_goes_on_without_a_plugin_that_failed_too_often(options):
    """What the error advises works: the plugin is switched off, and nothing reminds of its failures."""
    loader = EnhancedCellMapDataLoader(Toy(60), batch_size=2, **options)
    loader.plugin_manager.register_plugin(Erratic(), on_error="skip_plugin(limit=5)")
    with loader, warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedWarning)
        with pytest.raises(HookError, match="'erratic' failed"):
            list(loader)
        loader.plugin_manager.disable_plugin("erratic")
        assert len(list(loader)) == 30


@executors
def test_a_plugin_that_fails_on_everything_ends_the_search(options):
    """No sample can come in place of one if all are bad: that is an error, not an endless loop."""
    with warnings.catch_warnings(), pytest.raises(HookError, match="choosy") as caught:
        warnings.simplefilter("ignore", SkippedWarning)
        epoch_of("skip_sample", options, bad=range(20))
    assert any("16 others were tried" in note for note in caught.value.__notes__)


@executors
def test_a_replacement_that_cannot_be_read_is_an_error_of_reading(options):
    """The plugin that skipped is not blamed, nor is the one that reads ahead."""
    loader = EnhancedCellMapDataLoader(Broken(8), batch_size=1, rng=seeded(1), **options)
    loader.plugin_manager.register_plugin(Choosy(range(7)), on_error="skip_sample")
    with loader, warnings.catch_warnings(), pytest.raises(SampleError, match="index 7 is broken"):
        warnings.simplefilter("ignore", SkippedWarning)
        list(loader)


def test_validation_does_not_skip():
    """A validation sample is not replaced by another one."""
    loader = EnhancedCellMapDataLoader(Toy(20), batch_size=4, is_train=False)
    loader.plugin_manager.register_plugin(Choosy(), on_error="skip_sample")
    with pytest.raises(HookError, match=r"sample 3"):
        list(loader)


class Late:
    """Fails on a batch, some time after samples were skipped."""

    name = "late"

    @hookimpl
    def post_collate(self, batch):
        if 19 in batch["idx"]:
            raise RuntimeError("this is what went wrong")
        return batch


def test_where_warnings_are_errors_they_take_the_place_of_no_error():
    """What ended the iteration is raised, and what was skipped before is told with it."""
    loader = EnhancedCellMapDataLoader(Toy(20), batch_size=4, shuffle=False, plugins=[Late()])
    loader.plugin_manager.register_plugin(Choosy(), on_error="skip_sample")
    with warnings.catch_warnings(), pytest.raises(HookError, match="this is what went wrong") as caught:
        warnings.simplefilter("error", SkippedWarning)
        list(loader)
    assert any("plugin 'choosy' failed" in note for note in caught.value.__notes__)


@pytest.mark.executor
def test_where_warnings_are_errors_closing_still_ends_workers():
    """The warning is raised, and nothing is left running."""
    loader = EnhancedCellMapDataLoader(Toy(40), batch_size=4, num_workers=1, persistent_workers=True)
    loader.plugin_manager.register_plugin(Choosy(range(5)), on_error="skip_sample")
    with warnings.catch_warnings(), pytest.raises(SkippedWarning):
        warnings.simplefilter("error", SkippedWarning)
        for _ in loader:
            pass
    iterator = iter(loader)
    for _ in range(9):
        next(iterator)
    with warnings.catch_warnings(), pytest.raises(SkippedWarning):
        warnings.simplefilter("error", SkippedWarning)
        loader.close()
    assert not multiprocessing.active_children()


@pytest.mark.executor
@executors
@pytest.mark.parametrize("as_batches", [False, True], ids=["sampler", "batch_sampler"])
def test_what_a_sampler_holds_back_does_not_come_as_a_replacement(options, as_batches):
    """Held-out positions stay out: another sample of the same batch comes in place of a bad one."""
    order = list(range(20))
    batches = [order[start : start + 4] for start in range(0, 20, 4)]
    chosen = {"batch_sampler": batches} if as_batches else {"sampler": order, "batch_size": 4}
    loader = EnhancedCellMapDataLoader(Toy(400), **chosen, **options)
    loader.plugin_manager.register_plugin(Choosy(), on_error="skip_sample")
    with loader, pytest.warns(SkippedWarning):
        delivered = [batch["idx"].tolist() for batch in loader]
    for batch, wanted in zip(delivered, batches, strict=True):
        assert set(batch) == set(wanted) - BAD
        assert all(kept == was for kept, was in zip(batch, wanted, strict=True) if was not in BAD)


def test_a_batch_of_one_that_a_sampler_chose_has_no_replacement():
    """Then the error is raised, and says that nothing could be tried."""
    loader = EnhancedCellMapDataLoader(Toy(400), sampler=[3], batch_size=1)
    loader.plugin_manager.register_plugin(Choosy(), on_error="skip_sample")
    with warnings.catch_warnings(), pytest.raises(HookError, match="sample 3") as caught:
        warnings.simplefilter("ignore", SkippedWarning)
        list(loader)
    assert "and 0 others were tried in its place" in caught.value.__notes__
