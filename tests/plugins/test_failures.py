"""What happens when a plugin fails is said for each plugin, and what is passed over is counted."""

from __future__ import annotations

import contextlib
import pickle
from collections import Counter
from typing import NamedTuple

import pytest
import torch

from cellmap_data.errors import ConfigurationError, HookError, PluginRegistrationError, SampleSkippedError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import FailurePolicy, PluginManager

CPU = torch.device("cpu")


class Fails:
    """Fails in every hook it has; ``first`` happens before."""

    def __init__(self, first=None):
        self.first = first or (lambda value: value)

    @hookimpl
    def post_sample(self, sample):
        self.first(sample)
        raise ValueError("boom")

    @hookimpl
    def post_collate(self, batch):
        self.first(batch)
        raise ValueError("boom")

    @hookimpl
    def pre_batch(self, indices):
        raise ValueError("boom")

    @hookimpl
    def load_samples(self, indices):
        raise ValueError("boom")


class Adds:
    """Adds a number; the number and the place are its own."""

    def __init__(self, number, priority):
        self.number, self.priority = number, priority

    @hookimpl
    def post_sample(self, sample):
        return {**sample, "x": sample["x"] + self.number}

    @hookimpl
    def post_collate(self, batch):
        return {**batch, "x": batch["x"] + self.number}

    @hookimpl
    def load_samples(self, indices):
        return [{"x": torch.zeros(())} for _ in indices]


def manager_with(policy, first=None):
    manager = PluginManager()
    manager.register_plugin(Adds(1, 5), name="before")
    manager.register_plugin(Fails(first), name="bad", on_error=policy)
    manager.register_plugin(Adds(10, -5), name="after")
    return manager


def sample():
    return {
        "x": torch.zeros(2),
        "more": {"y": torch.zeros(2)},
        "list": [torch.zeros(1)],
        "tuple": (torch.zeros(1),),
    }


@pytest.mark.parametrize(
    ("text", "kind", "limit"),
    [
        ("raise", "raise", None),
        ("skip_sample", "skip_sample", None),
        ("skip_plugin", "skip_plugin", 10),
        ("skip_plugin(3)", "skip_plugin", 3),
        (" skip_plugin( limit = 3 ) ", "skip_plugin", 3),
        (FailurePolicy("skip_plugin", 7), "skip_plugin", 7),
    ],
    ids=str,
)
def test_policies_are_read_from_text(text, kind, limit):
    """As in a configuration file; what they print as can be read again."""
    policy = FailurePolicy.of(text)
    assert (policy.kind, policy.limit) == (kind, limit)
    assert FailurePolicy.of(str(policy)) == policy


@pytest.mark.parametrize(
    "wrong", ["ignore", "skip_sample(3)", "skip_plugin(-1)", "skip_plugin(all)", None, 3]
)
def test_what_is_no_policy_is_refused(wrong):
    """Silently raising instead, or skipping, would be a surprise in the middle of the night."""
    with pytest.raises(ConfigurationError, match="skip_plugin"):
        FailurePolicy.of(wrong)
    plugin = Adds(1, 0)
    plugin.on_error = wrong
    with pytest.raises(PluginRegistrationError, match="has an on_error that says nothing"):
        PluginManager().register_plugin(plugin)


def test_a_plugin_may_say_it_itself():
    """As an attribute; whoever registers it has the last word, and may change it later."""
    manager = PluginManager()
    plugin = Fails()
    plugin.on_error = "skip_plugin"
    manager.register_plugin(plugin, name="bad")
    assert manager.execute_hook("post_sample", sample()).keys() == sample().keys()
    manager.set_on_error("bad", "raise")
    with pytest.raises(HookError):
        manager.execute_hook("post_sample", sample())
    assert manager.relay.version


@pytest.mark.parametrize(
    ("hook", "given", "policy"),
    [
        ("post_sample", (sample(), 3, None, True), "skip_sample"),
        ("post_collate", (sample(), CPU, True), "skip_plugin"),
        ("pre_batch", (None, [3]), "skip_plugin"),
    ],
    ids=["sample", "batch", "announced"],
)
def test_a_failure_names_the_policy_that_lets_training_go_on(hook, given, policy):
    """It does when it is set; one that is set and has run out is not offered again."""
    manager = manager_with("raise")
    with pytest.raises(HookError, match=rf"next:(?s:.*)set_on_error\('bad', '{policy}'\)"):
        manager.execute_hook(hook, *given)
    manager.set_on_error("bad", policy)
    with contextlib.suppress(SampleSkippedError):  # another sample may come
        manager.execute_hook(hook, *given)
    manager.set_on_error("bad", "skip_plugin(0)")
    with pytest.raises(HookError) as caught:
        manager.execute_hook(hook, *given)
    assert "set_on_error" not in str(caught.value)


@pytest.mark.parametrize("hook", ["post_sample", "post_collate"])
def test_a_skipped_call_of_a_chain_hook_leaves_the_value_as_it_was(hook):
    """Containers that it had changed before it failed are as before, at every depth; the others go on."""

    def spoil(value):
        value["x"] = value["more"]["y"] = None
        value["list"].append(None)
        value["new"] = 1

    manager = manager_with("skip_plugin", spoil)
    changed = manager.execute_hook(hook, sample(), is_train=True)
    assert changed["x"].tolist() == [11, 11]
    assert changed["more"]["y"].tolist() == [0, 0]
    assert changed.keys() == sample().keys()
    assert len(changed["list"]) == 1
    account = manager.relay.take_account()
    assert {key: (each.what, each.count) for key, each in account.skipped.items()} == {
        ("bad", hook): ("call", 1)
    }
    assert account.skipped["bad", hook].first == "ValueError: boom"
    assert not manager.relay.take_account().skipped


class Record(dict):
    """A mapping with an attribute, as datasets may have for their samples."""

    place = ""


class Pair(NamedTuple):
    """A tuple of a class of its own."""

    first: torch.Tensor
    second: dict[str, int]


def test_a_plugin_that_may_fail_is_given_what_others_are():
    """Containers of their own class, with the attributes and the values that they have."""
    given = Record(count=Counter(a=2), pair=Pair(torch.zeros(1), {"z": 1}), size=torch.Size((1, 2)))
    given.place = "crop 3"
    seen = []
    manager = PluginManager()
    manager.register_plugin(Fails(seen.append), on_error="skip_plugin")
    manager.execute_hook("post_sample", given, is_train=True)
    assert (type(seen[0]), seen[0], seen[0].place) == (Record, given, "crop 3")
    assert seen[0]["pair"].second is not given["pair"].second
    assert [type(value) for value in seen[0].values()] == [Counter, Pair, torch.Size]


@pytest.mark.parametrize(
    "change",
    [lambda value: value["more"]["y"].add_(1), lambda value: value["tuple"][0].add_(1)],
    ids=["in a mapping", "in a tuple"],
)
def test_a_call_that_changed_a_tensor_in_place_cannot_be_skipped(change):
    """Half an augmentation is none: a training sample is given up, anything else is an error that says so."""
    manager = manager_with("skip_plugin", change)
    with pytest.raises(SampleSkippedError):
        manager.execute_hook("post_sample", sample(), is_train=True)
    account = manager.relay.take_account()
    assert account.skipped["bad", "post_sample"].what == "sample"
    assert {plugin: cost.calls for (plugin, _), cost in account.costs.items()} == {"before": 1, "bad": 1}
    for hook in ("post_sample", "post_collate"):
        with pytest.raises(HookError) as caught:
            manager.execute_hook(hook, sample(), is_train=False)
        assert not isinstance(caught.value, SampleSkippedError)
        assert "changed a tensor in place" in caught.value.__cause__.__notes__[0]


def test_a_skipped_call_of_other_hooks_counts_as_no_answer():
    """The next plugin is asked."""
    manager = manager_with("skip_plugin")
    manager.execute_hook("pre_batch", None, [1])
    assert len(manager.execute_hook("load_samples", None, [1, 2])) == 2
    skipped = manager.relay.take_account().skipped
    assert {hook for _, hook in skipped} <= {"pre_batch", "load_samples"}
    assert skipped["bad", "pre_batch"].count == 1


def test_the_limit_counts_all_hooks_together():
    """One failure more than allowed is raised, and names the plugin."""
    manager = manager_with("skip_plugin(3)")
    for _ in range(2):
        manager.execute_hook("post_sample", sample())
    manager.execute_hook("pre_batch", None, [1])
    with pytest.raises(HookError, match="'bad' failed in post_collate"):
        manager.execute_hook("post_collate", sample())
    with pytest.raises(HookError, match="'bad' failed in pre_batch"):
        manager.execute_hook("pre_batch", None, [1])


def test_a_sample_is_skipped_in_training_only():
    """A validation sample has no equal that could come in its place."""
    manager = manager_with("skip_sample")
    with pytest.raises(SampleSkippedError) as caught:
        manager.execute_hook("post_sample", sample(), 17, None, True)
    assert (caught.value.plugin, caught.value.index) == ("bad", 17)
    assert isinstance(caught.value.__cause__, ValueError)
    for hook, arguments in {"post_sample": (sample(), 17, None, False), "pre_batch": (None, [1])}.items():
        with pytest.raises(HookError) as caught:
            manager.execute_hook(hook, *arguments)
        assert not isinstance(caught.value, SampleSkippedError)


def test_the_policy_travels():
    """Copies in workers fail as the original would."""
    manager = PluginManager()
    manager.register_plugin(Adds(1, 0), name="one", on_error="skip_plugin(4)")
    copy = pickle.loads(pickle.dumps(manager))
    assert copy.roster.plugins[0].policy == FailurePolicy("skip_plugin", 4)
    assert copy.roster.plugins[0].hooks["post_sample"].policy.limit == 4


class Wraps:
    on_error = "skip_plugin"

    @hookimpl(wrapper=True)
    def pre_batch(self):
        yield
        raise ValueError("boom")


def test_what_a_wrapper_raises_is_never_skipped():
    """It stands around the others, so there is nothing that could go on without it."""
    manager = PluginManager()
    manager.register_plugin(Wraps())
    with pytest.raises(HookError, match="boom"):
        manager.execute_hook("pre_batch", None, [])
