"""Plugins are switched while a loader runs, also in workers that are alive."""

from __future__ import annotations

import os

import pytest
import torch

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import MemoryOptimizationPlugin
from tests.toy import EXECUTORS, Slow, Toy, executor_id, is_right

executors = pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)


class Marks:
    """Leaves its mark, and the process, in every sample; knows whether it was set up there."""

    name = "marks"

    def __init__(self, folder=None):
        self.folder, self.ready = folder, 0

    @hookimpl
    def post_sample(self, sample):
        return sample | {"marked": torch.tensor(1), "pid": torch.tensor(os.getpid())}

    @hookimpl
    def setup_worker(self, worker_id):
        self.note(f"setup-{worker_id}")

    @hookimpl
    def teardown_worker(self, worker_id):
        self.note(f"teardown-{worker_id}")

    def note(self, what):
        if self.folder is not None:
            path = self.folder / what
            path.write_text(path.read_text() + "x" if path.exists() else "x")


class Knows:
    """Says in every sample who reads."""

    name = "knows"

    @hookimpl
    def post_sample(self, sample):
        return sample | {"marked": torch.tensor(0), "pid": torch.tensor(os.getpid())}


@pytest.mark.executor
@executors
@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "fresh memory"])
def test_a_switch_acts_on_the_next_batch_that_is_not_begun(options, pooled):
    """No batch is half one way and half the other, the switch acts soon, and the workers stay the same."""
    plugins = [Marks(), Knows()]
    loader = EnhancedCellMapDataLoader(
        Slow(120), batch_size=2, plugins=plugins, enable_memory_optimization=pooled, **options
    )
    manager = loader.plugin_manager
    manager.set_priority("knows", 5)
    states, pids = [], set()
    with loader:
        for number, batch in enumerate(loader):
            assert is_right(batch)
            (state,) = set(batch["marked"].tolist())
            states.append(state)
            pids |= set(batch["pid"].tolist())
            if number == 9:
                manager.disable_plugin("marks")
            if number == 39:
                manager.enable_plugin("marks")
    # In between, one worker may have begun a batch before the switch that comes after one of the other's.
    assert set(states[:10]) == {1}, states
    assert set(states[20:40]) == {0}, states
    assert set(states[50:]) == {1}, states
    assert len(pids) == max(1, options["num_workers"])


@pytest.mark.executor
def test_who_is_switched_on_late_is_set_up_and_all_are_torn_down(tmp_path):
    """In a worker each plugin is set up once, before anything else, and torn down even if it is off again."""
    loader = EnhancedCellMapDataLoader(Slow(40), batch_size=2, num_workers=1, plugins=[Marks(tmp_path)])
    manager = loader.plugin_manager
    manager.disable_plugin("marks")
    with loader:
        for number, _ in enumerate(loader):
            if number == 0:
                assert not (tmp_path / "setup-0").exists()
            if number in (3, 12):
                manager.enable_plugin("marks")
            if number in (8, 16):
                manager.disable_plugin("marks")
    assert (tmp_path / "setup-0").read_text() == "x"
    assert (tmp_path / "teardown-0").read_text() == "x"


class Ends(Marks):
    """Has something to do at the end, and nothing at the beginning."""

    name = "ends"
    setup_worker = None


@pytest.mark.executor
def test_who_needs_no_setup_is_torn_down_as_well(tmp_path):
    """A plugin that took part and is off at the end may have a file to close."""
    with EnhancedCellMapDataLoader(Slow(40), batch_size=2, num_workers=1, plugins=[Ends(tmp_path)]) as loader:
        for number, _ in enumerate(loader):
            if number == 3:
                loader.plugin_manager.disable_plugin("ends")
    assert (tmp_path / "teardown-0").read_text() == "x"


@pytest.mark.executor
def test_workers_obey_switches_of_their_own_plugins_when_others_came_or_went():
    """A plugin that comes in mid-epoch is for later workers: its switch is not taken for that of another."""
    loader = EnhancedCellMapDataLoader(
        Slow(80), batch_size=2, num_workers=1, enable_augmentation=False, plugins=[Knows(), Marks()]
    )
    with loader:
        states = []
        for number, batch in enumerate(loader):
            states += set(batch["marked"].tolist())
            if number == 3:
                loader.remove_plugin("knows")
                loader.add_plugin(Knows(), name="newcomer")
                loader.plugin_manager.disable_plugin("newcomer")
            if number == 19:
                loader.plugin_manager.disable_plugin("marks")
    assert set(states[:20]) == {1}, states
    assert set(states[30:]) == {0}, states


@pytest.mark.executor
def test_persistent_workers_live_through_a_switch_between_epochs():
    """Nothing is started anew, and the next epoch obeys from its first batch."""
    loader = EnhancedCellMapDataLoader(
        Toy(20), batch_size=2, num_workers=2, persistent_workers=True, plugins=[Knows(), Marks()]
    )
    with loader:
        first = {pid for batch in loader for pid in batch["pid"].tolist()}
        loader.plugin_manager.disable_plugin("marks")
        second = list(loader)
        assert {pid for batch in second for pid in batch["pid"].tolist()} == first
        assert not any(batch["marked"].any() for batch in second)


@pytest.mark.executor
def test_loaders_that_share_a_memory_plugin_do_not_disturb_each_other():
    """Each has its own workers, its own runs and its own batches, though the slots are of one provider."""
    shared = MemoryOptimizationPlugin()
    loaders = [
        EnhancedCellMapDataLoader(
            Toy(60),
            batch_size=2,
            num_workers=1,
            enable_memory_optimization=False,
            plugins=[shared],
            is_train=False,
            persistent_workers=bool(number),
        )
        for number in range(2)
    ]
    for _ in range(2):
        kept = []
        for one, other in zip(*loaders, strict=True):
            assert one["idx"].tolist() == other["idx"].tolist()
            kept += [one, other]
        assert all(is_right(batch) for batch in kept)
        assert len(kept) == 60
    for loader in loaders:
        loader.close()


def test_prefetch_that_is_switched_off_in_mid_epoch_hands_over_what_it_began():
    """No sample is read twice for it, and no thread of it is left."""
    import threading

    dataset = Counting(40)
    loader = EnhancedCellMapDataLoader(dataset, batch_size=2)
    for number, batch in enumerate(loader):
        assert is_right(batch)
        if number == 4:
            loader.get_plugin("prefetch").disable()
        if number == 12:
            assert not [t for t in threading.enumerate() if t.name.startswith("cellmap-data")]
    assert sorted(dataset.reads) == list(range(40))


class Counting(Toy):
    """Remembers what was read."""

    def __init__(self, size):
        super().__init__(size)
        self.reads = []

    def before(self, index):
        self.reads.append(int(index))
