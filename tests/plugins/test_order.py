"""The order of calls is the order of numbers."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.errors import PluginRegistrationError
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


wish = st.frozensets(names, max_size=2).map(sorted)


def expected_order(rows):
    """Again and again the first by number of those that nobody has to precede; None if there is a circle."""
    place = {name: (-number, i) for i, (name, number, *_) in enumerate(rows)}
    pairs = {(name, other) for name, _, before, _, _ in rows for other in before if other in place}
    wanted = set(pairs)
    pairs |= {(other, name) for name, _, _, after, _ in rows for other in after if other in place}

    def lifted(name):
        reach = {name}
        while more := {b for a, b in wanted if a in reach} - reach:
            reach |= more
        return min(place[each] for each in reach), place[name]

    order, left = [], set(place)
    while left:
        free = [name for name in left if not any(b == name and a in left for a, b in pairs)]
        if not free:
            return None
        order.append(min(free, key=lifted))
        left.remove(order[-1])
    return order


moves = st.tuples(st.sampled_from(["add", "add", "remove", "move", "toggle"]), names, priorities, wish, wish)


@given(history=st.lists(moves, max_size=25))
def test_wishes_are_met_after_any_history(history):
    """What closes a circle is refused and changes nothing; pluggy calls in the order that remains."""
    manager, rows = PluginManager(), []
    for action, name, number, before, after in history:
        known = next((row for row in rows if row[0] == name), None)
        if action == "add" and known is None:
            new = [name, number, before, after, True]
            if expected_order([*rows, new]) is None:
                with pytest.raises(PluginRegistrationError, match="closes a circle"):
                    manager.register_plugin(Appends(name, number), before=before, after=after)
            else:
                manager.register_plugin(Appends(name, number), before=before, after=after)
                rows.append(new)
        elif known and action == "remove":
            manager.unregister_plugin(name)
            rows.remove(known)
        elif known and action == "move":
            manager.set_priority(name, number)
            known[1] = number
        elif known and action == "toggle":
            known[4] = not known[4]
            (manager.enable_plugin if known[4] else manager.disable_plugin)(name)
    on = {row[0] for row in rows if row[4]}
    expected = [name for name in expected_order(rows) if name in on]
    implementations = manager.snapshot().hook.pre_batch.get_hookimpls()
    assert [i.plugin_name for i in reversed(implementations)] == expected
    assert run(manager) == run(pickle.loads(pickle.dumps(manager))) == expected
    assert [place.plugin for place in manager.order_report().hooks["pre_batch"]] == expected


WISHES = {
    "before: moves up": ([("p", 100), ("y", 50), ("x", 1, {"before": "p"})], ["x", "p", "y"]),
    "after: waits": ([("x", 100, {"after": "z"}), ("y", 50), ("z", 1)], ["y", "z", "x"]),
    "two before one": (
        [("p", 100), ("a", 1, {"before": "p"}), ("b", 5, {"before": ["p"]})],
        ["b", "a", "p"],
    ),
    "nobody of that name": ([("a", 2, {"after": "absent"}), ("b", 1)], ["a", "b"]),
}


@pytest.mark.parametrize(("plugins", "expected"), WISHES.values(), ids=WISHES)
def test_who_wishes_moves(plugins, expected):
    """The others keep the order of their numbers."""
    manager = PluginManager()
    for name, number, *wishes in plugins:
        manager.register_plugin(Appends(name, number), **(wishes[0] if wishes else {}))
    assert run(manager) == expected


def test_the_report_says_why():
    """Number, registration, wishes, wrappers; and wishes about nobody, with the nearest name."""

    class Wraps(Appends):
        before = ("frist",)

        @hookimpl(wrapper=True)
        def pre_epoch(self):
            return (yield)

    class Last(Appends):
        after = "low"

        @hookimpl
        def pre_epoch(self): ...

    manager = PluginManager()
    manager.register_plugin(Appends("first", 9))
    manager.register_plugin(Appends("one"))
    manager.register_plugin(Appends("two"))
    manager.register_plugin(Appends("low", -2), before="first")
    manager.register_plugin(Last("last", 50))
    manager.register_plugin(Wraps("wraps", -5))
    report = manager.order_report()
    assert [(p.position, p.plugin, p.number, p.reason) for p in report.hooks["post_sample"]] == [
        (1, "low", -2, "before 'first'"),
        (2, "last", 50, "after 'low'"),
        (3, "first", 9, "number 9"),
        (4, "one", 0, "number 0, registered 1 of 2 with it"),
        (5, "two", 0, "number 0, registered 2 of 2 with it"),
        (6, "wraps", -5, "number -5"),
    ]
    assert report.hooks["pre_epoch"][0].reason == "wrapper, around all that are none; number -5"
    assert report.hooks["open_array"] == ()
    text = str(report)
    assert all(f"{p.position}. {p.plugin}: {p.reason}" in text for p in report.hooks["post_sample"])
    (absent,) = report.absent
    assert (absent.plugin, absent.wish, absent.name) == ("wraps", "before", "frist")
    assert "first" in absent.hint
