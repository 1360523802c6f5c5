"""Plugins come, go, are switched and moved while a manager is in use."""

from __future__ import annotations

import gc
import threading

import pytest

from cellmap_data.errors import UnknownPluginError
from cellmap_data.plugins import PluginManager
from cellmap_data.plugins.base import CHANGES as CLOCK
from tests.plugins.actors import Answers, Appends, Marked, run


@pytest.fixture
def manager():
    manager = PluginManager()
    manager.register_plugin(Appends("a", 2))
    manager.register_plugin(Appends("b", 1))
    return manager


CHANGES = {
    "disable the plugin": (lambda m: m.get_plugin("a").disable(), ["b"]),
    "assign its switch": (lambda m: setattr(m.get_plugin("a"), "enabled", False), ["b"]),
    "disable by name": (lambda m: m.disable_plugin("a"), ["b"]),
    "move the plugin": (lambda m: setattr(m.get_plugin("a"), "priority", 0), ["b", "a"]),
    "move by name": (lambda m: m.set_priority("a", 0), ["b", "a"]),
    "add": (lambda m: m.register_plugin(Marked()), ["marked", "a", "b"]),
    "remove": (lambda m: m.unregister_plugin("a"), ["b"]),
}


@pytest.mark.parametrize(("change", "after"), CHANGES.values(), ids=CHANGES)
def test_a_change_acts_from_the_next_call(manager, change, after):
    """And the relay tells that copies in other processes are out of date, or need to be switched."""
    assert run(manager) == ["a", "b"]
    version, switches = manager.relay.version, manager.relay.switches
    change(manager)
    assert run(manager) == after
    switched = len(manager.relay.switches) == 2 and manager.relay.switches != switches
    assert (manager.relay.version > version) is not switched


def test_enabling_undoes_disabling(manager):
    """The plugin returns to its place."""
    for name in ("a", "b"):
        manager.disable_plugin(name)
    assert run(manager) == []
    manager.get_plugin("b").enable()
    manager.enable_plugin("a")
    assert run(manager) == ["a", "b"]


def test_a_plugin_that_is_no_subclass_is_switched_by_name(manager):
    """Modules and plain objects have no switch of their own."""
    manager.register_plugin(Marked())
    manager.disable_plugin("Marked")
    assert run(manager) == ["a", "b"]
    manager.enable_plugin("Marked")
    manager.set_priority("Marked", -1)
    assert run(manager) == ["a", "b", "marked"]


@pytest.mark.parametrize(
    "change",
    [
        lambda manager: manager.enable_plugin("c"),
        lambda manager: manager.disable_plugin("c"),
        lambda manager: manager.set_priority("c", 1),
    ],
    ids=["enable", "disable", "move"],
)
def test_an_unknown_plugin_cannot_be_changed(manager, change):
    """The message lists who is there."""
    with pytest.raises(UnknownPluginError, match="known: a, b"):
        change(manager)


def test_the_version_stays_while_nothing_changes(manager):
    """Not by calls, not by plugins of other managers; workers would be started anew for nothing."""
    version = manager.relay.version
    run(manager)
    Appends("stranger").disable()
    manager.get_plugin("a").enable()
    assert manager.relay.version == version


def test_a_plugin_can_say_that_its_copies_are_out_of_date(manager):
    """For changes that only the plugin knows of."""
    version = manager.relay.version
    manager.get_plugin("a").changed()
    assert manager.relay.version > version


def test_answers_follows_the_changes(manager):
    """Only enabled plugins count."""
    relay = manager.relay
    assert relay.answers("post_sample")
    assert not relay.answers("open_array")
    manager.register_plugin(Answers())
    assert relay.answers("open_array")
    manager.disable_plugin("answers")
    assert not relay.answers("open_array")


def test_one_plugin_may_serve_two_managers(manager):
    """Its switch is its own, so it is off in both."""
    other = PluginManager()
    other.register_plugin(manager.get_plugin("a"))
    manager.disable_plugin("a")
    assert run(other) == []


def test_a_plugin_may_change_the_plugins_while_a_hook_runs(manager):
    """The call that runs finishes with the plugins it began with."""

    class Removes(Appends):
        def append(self, sample):
            manager.unregister_plugin("b")
            return [*sample, self.name]

    manager.register_plugin(Removes("r", 9))
    assert run(manager) == ["r", "a", "b"]
    manager.unregister_plugin("r")
    assert run(manager) == ["a"]


def test_switching_while_other_threads_call_gives_one_state_or_the_other(manager):
    """No call sees a half-made order."""
    seen, stop = set(), threading.Event()

    def call():
        while not stop.is_set():
            seen.add(tuple(run(manager)))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        manager.get_plugin("a").enabled ^= True
        manager.set_priority("b", 3)
        manager.set_priority("b", 1)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {("a", "b"), ("b", "a"), ("b",)}
    assert run(manager) == ["a", "b"]


class Leaves:
    """Part of a cycle; switches a plugin when it is collected."""

    def __init__(self, plugin):
        self.plugin, self.cycle = plugin, self

    def __del__(self):
        self.plugin.enabled = not self.plugin.enabled


class Listens:
    """Wants to know of changes."""

    def plugins_changed(self):
        pass


def test_a_finalizer_may_switch_a_plugin_while_one_is_switched():
    """The collector runs whenever something is made, also in the middle of a switch."""
    plugin, listeners, thresholds = Appends("a"), [Listens() for _ in range(50)], gc.get_threshold()
    for listener in listeners:
        CLOCK.listen(listener)

    def switch():
        for _ in range(200):
            Leaves(plugin)
            plugin.enabled = not plugin.enabled

    thread = threading.Thread(target=switch, daemon=True)
    gc.set_threshold(3)
    try:
        thread.start()
        thread.join(timeout=10)
    finally:
        gc.set_threshold(*thresholds)
    assert not thread.is_alive()
