"""Plugins in worker processes."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import ModuleType

import pytest

from cellmap_data.errors import PluginError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import PluginManager
from tests.plugins import module_plugin
from tests.plugins.actors import Appends, Marked, Raises, run


class HoldsLock(Appends):
    def __init__(self):
        super().__init__("holds lock")
        self.lock = threading.Lock()


def fill():
    manager = PluginManager()
    manager.register_plugin(Appends("low", -1), name="renamed")
    manager.register_plugin(Marked, name="class")
    manager.register_plugin(module_plugin, priority=30)
    manager.register_plugin(Appends("off", 50))
    manager.set_priority("class", 40)
    manager.disable_plugin("off")
    return manager


def call(relay):
    """What a worker does."""
    return relay.post_sample([], 0, None, True), relay.answers("pre_batch"), relay.answers("open_array")


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_worker_has_the_same_plugins(start):
    """Order, names and switches arrive with the relay."""
    manager = fill()
    with ProcessPoolExecutor(1, get_context(start)) as workers:
        there = workers.submit(call, manager.relay).result()
    assert there == call(manager.relay) == (["marked", "module", "low"], True, False)


def test_a_copy_is_a_whole_manager():
    """Names, numbers and switches can be changed on, apart from the original."""
    manager = fill()
    copy = pickle.loads(pickle.dumps(manager))
    assert (
        copy.list_plugins() == manager.list_plugins() == ["renamed", "class", module_plugin.__name__, "off"]
    )
    assert copy.get_plugin(module_plugin.__name__) is module_plugin
    copy.enable_plugin("off")
    assert run(copy) == ["off", "marked", "module", "low"]
    assert run(manager) == ["marked", "module", "low"]


def test_relay_and_manager_stay_together():
    """Pickled in one go, they arrive as one pair; what two plugins share, they share there too."""
    manager, shared = PluginManager(), ["shared"]
    for name in "ab":
        plugin = Appends(name)
        plugin.told = shared
        manager.register_plugin(plugin)
    relay, copy = pickle.loads(pickle.dumps((manager.relay, manager)))
    copy.disable_plugin("a")
    assert relay.switches == (False, True)
    assert copy.get_plugin("a").told is copy.get_plugin("b").told


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        pytest.param(HoldsLock(), "cannot pickle '_thread.lock' object", id="lock"),
        pytest.param(Raises(lambda: 1, "holds lambda"), "lambda", id="lambda"),
    ],
)
def test_what_cannot_travel_is_refused_by_name(plugin, reason):
    """In the process that starts the workers, before it does."""
    manager = fill()
    manager.register_plugin(plugin)
    with pytest.raises(PluginError, match=f"'{plugin.name}' cannot be sent(?s:.*){reason}"):
        pickle.dumps(manager.relay)


def test_a_module_made_by_hand_is_refused_by_name():
    """It could not be imported there."""
    module = ModuleType("by_hand")
    module.post_sample = hookimpl(lambda sample: sample)
    manager = PluginManager()
    manager.register_plugin(module)
    with pytest.raises(PluginError, match="'by_hand' cannot be sent"):
        pickle.dumps(manager)
