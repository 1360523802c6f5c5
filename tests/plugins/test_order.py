"""The order of calls is the order of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import PluginManager
from tests.plugins.actors import Appends, run

names = st.sampled_from("abcdefgh")
priorities = st.integers(-3, 3) | st.sampled_from([-(10**9), 10**9])
step = st.one_of(
    st.tuples(st.just("add"), names, priorities),
    st.tuples(st.just("remove"), names, st.none()),
    st.tuples(st.just("move"), names, priorities),
    st.tuples(st.just("toggle"), names, st.none()),
)


class WantsToBeFirst(Appends):
    """Says so to pluggy."""

    @hookimpl(tryfirst=True)
    def pre_epoch(self): ...

    @hookimpl(trylast=True)
    def post_epoch(self): ...


def apply(manager, model, action, name, number):
    """Do one thing to the manager and to a plain list of [name, priority, enabled]."""
    known = next((row for row in model if row[0] == name), None)
    if action == "add" and known is None:
        kind = WantsToBeFirst if number % 2 else Appends
        manager.register_plugin(kind(name, number))
        model.append([name, number, True])
    elif known is None:
        return
    elif action == "remove":
        manager.unregister_plugin(name)
        model.remove(known)
    elif action == "move":
        manager.set_priority(name, number)
        known[1] = number
    elif action == "toggle":
        known[2] = not known[2]
        (manager.enable_plugin if known[2] else manager.disable_plugin)(name)


@given(history=st.lists(step, max_size=40), peeks=st.sets(st.integers(0, 40)))
def test_pluggy_calls_in_sorted_order_after_any_history(history, peeks):
    """Higher numbers first, ties by registration, disabled ones not at all; in pluggy and in the chains."""
    manager, model = PluginManager(), []
    for number, action in enumerate(history):
        apply(manager, model, *action)
        if number in peeks:
            manager.snapshot()
    expected = [name for name, _, on in sorted(model, key=lambda row: -row[1]) if on]
    for hook in ("pre_batch", "post_sample"):
        implementations = getattr(manager.snapshot().hook, hook).get_hookimpls()
        assert [i.plugin_name for i in reversed(implementations)] == expected
        assert manager.call_order(hook) == expected
    assert run(manager) == expected
    assert manager.list_plugins() == [name for name, _, _ in model]


@pytest.mark.parametrize("hook", ["pre_epoch", "post_epoch"])
def test_a_wish_to_be_first_or_last_changes_nothing(hook):
    """``tryfirst`` and ``trylast`` have no effect beside numbers."""
    manager = PluginManager()
    for name, priority in [("low", -5), ("high", 5), ("middle", 0), ("also middle", 0)]:
        manager.register_plugin(WantsToBeFirst(name, priority))
    assert manager.call_order(hook) == ["high", "middle", "also middle", "low"]


def test_wrappers_stand_around_the_others_in_the_same_order():
    """The wrapper with the highest number is the outermost; all are outside of plain functions."""
    calls = []

    class Wraps:
        def __init__(self, name, priority):
            self.name, self.priority = name, priority

        @hookimpl(wrapper=True)
        def pre_epoch(self, epoch):
            calls.append(f"{self.name} before {epoch}")
            result = yield
            calls.append(f"{self.name} after")
            return result

    class Plain:
        priority = 100

        @hookimpl
        def pre_epoch(self):
            calls.append("plain")

    manager = PluginManager()
    for plugin in (Wraps("inner", 1), Plain(), Wraps("outer", 2)):
        manager.register_plugin(plugin)
    manager.execute_hook("pre_epoch", None, 4)
    assert calls == ["outer before 4", "inner before 4", "plain", "inner after", "outer after"]
