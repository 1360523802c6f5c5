"""The prefetch plugin."""

from __future__ import annotations

import threading
import time

import pytest

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError, SampleError
from cellmap_data.plugins import PrefetchPlugin
from tests.toy import Broken, Slow, Toy


class Counting(Toy):
    """Counts what was read."""

    def __init__(self, size):
        super().__init__(size)
        self.read, self.lock = 0, threading.Lock()

    def before(self, index):
        with self.lock:
            self.read += 1


def reading_threads():
    return [thread.name for thread in threading.enumerate() if "prefetch" in thread.name]


@pytest.mark.parametrize(("batch_size", "max_prefetch"), [(1, 1), (2, 8), (3, 8), (16, 8), (4, 1)])
def test_no_more_is_read_ahead_than_allowed(batch_size, max_prefetch):
    """Samples read and not yet delivered never exceed ``max_prefetch``, and without haste they reach it."""
    dataset = Counting(200)
    loader = EnhancedCellMapDataLoader(dataset, batch_size=batch_size, max_prefetch=max_prefetch)
    iterator = iter(loader)
    part = min(batch_size, max(1, max_prefetch // 2))
    reachable = max_prefetch // part * part
    for number in range(1, 5):
        next(iterator)
        deadline = time.monotonic() + 20
        while dataset.read < number * batch_size + reachable and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.02)
        assert dataset.read == number * batch_size + reachable
        assert dataset.read - number * batch_size <= max_prefetch
    del iterator
    assert reading_threads() == []


def test_a_failing_read_is_raised_at_its_batch():
    """Batches before the broken one are delivered, however far reading is ahead; then the error comes."""
    loader = EnhancedCellMapDataLoader(Broken(), batch_size=2, is_train=False, max_prefetch=16)
    seen = []
    with pytest.raises(SampleError, match="index 7 is broken"):
        for batch in loader:
            time.sleep(0.02)
            seen.append(batch["idx"].tolist())
    assert seen == [[0, 1], [2, 3], [4, 5]]
    assert reading_threads() == []


def test_closing_early_ends_the_threads():
    """Leaving an epoch with reads under way ends their threads, every time."""
    loader = EnhancedCellMapDataLoader(Slow(1000), batch_size=2)
    for _ in range(20):
        for _batch in loader:
            break
        assert reading_threads() == []


def test_the_end_of_an_epoch_ends_the_threads():
    """When everything is read no thread stays, and the next epoch starts new ones."""
    loader = EnhancedCellMapDataLoader(Toy(), batch_size=2)
    for _ in range(3):
        assert len(list(loader)) == 10
        assert reading_threads() == []


def test_single_reads_leave_no_thread():
    """``loader[...]`` passes through the plugin and leaves nothing running."""
    loader = EnhancedCellMapDataLoader(Toy(), batch_size=2)
    assert loader[[3, 5]]["idx"].tolist() == [3, 5]
    assert reading_threads() == []


def test_single_reads_that_fail_leave_no_thread():
    """``loader[...]`` of a sample that cannot be read leaves nothing running either."""
    loader = EnhancedCellMapDataLoader(Broken(), batch_size=2)
    with pytest.raises(SampleError):
        loader[7]
    assert reading_threads() == []


def test_a_stopped_plugin_hands_nothing_over():
    """After the end of an epoch what was begun is forgotten: the answer is a plain read."""
    plugin, dataset = PrefetchPlugin(4), Toy()
    indices = [1, 2]
    plugin.begin(dataset, indices)
    plugin.stop()
    assert plugin.hand_over(dataset, indices) is None


def test_workers_read_themselves():
    """In a worker the plugin stands aside: no thread of its own."""
    plugin = PrefetchPlugin()
    plugin.stand_aside()
    plugin.begin(Toy(), [1])
    assert plugin.hand_over(Toy(), [1]) is None
    assert reading_threads() == []


@pytest.mark.parametrize("given", [0, "8", 1.5], ids=repr)
def test_room_for_nothing_is_refused(given):
    """``max_prefetch`` that is no number from one on is an error that says so."""
    with pytest.raises(ConfigurationError, match="max_prefetch, an int from 1 on"):
        PrefetchPlugin(max_prefetch=given)
