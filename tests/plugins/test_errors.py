"""What a plugin raises names the plugin."""

from __future__ import annotations

import pickle

import pytest

from cellmap_data import errors
from cellmap_data.errors import HookError, LoaderError, SampleError, StoreNotFoundError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin, PluginManager
from cellmap_data.sampler import Draw
from tests.plugins.actors import Appends, Raises

CALLS = {
    "post_sample": (([], 17, None, True), 17),
    "post_collate": (({}, None, True), None),
    "pre_batch": ((None, [1, 2]), None),
    "open_array": (("a.zarr", None), None),
}
calls = pytest.mark.parametrize(
    ("hook", "args", "index"), [(hook, *call) for hook, call in CALLS.items()], ids=CALLS
)


def manager_with(*plugins):
    manager = PluginManager()
    for plugin in plugins:
        manager.register_plugin(plugin)
    return manager


@calls
def test_an_exception_names_plugin_hook_and_sample(hook, args, index):
    """All hooks, whatever their kind; the original is the cause and has a note."""
    original = ValueError("boom")
    with pytest.raises(HookError) as caught:
        manager_with(Appends("good", 5), Raises(original, "bad")).execute_hook(hook, *args)
    error = caught.value
    assert (error.plugin, error.hook, error.distribution, error.index) == ("bad", hook, "", index)
    assert error.__cause__ is original
    assert "'bad'" in original.__notes__[0]
    assert hook in original.__notes__[0]
    expected = ["plugin 'bad' failed", hook, "tests.plugins.actors.Raises", "ValueError: boom"]
    assert all(word in str(error) for word in expected), error
    assert ("sample 17" in str(error)) == (index == 17)


@calls
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            HookError("of another plugin", "other", "post_sample", "acme 1", 3), id="blamed already"
        ),
        pytest.param(SampleError("sample 3 is broken"), id="of the loader"),
        pytest.param(StoreNotFoundError("no such volume"), id="of a store"),
        pytest.param(KeyboardInterrupt(), id="Ctrl-C"),
        pytest.param(SystemExit(3), id="exit"),
    ],
)
def test_what_a_plugin_only_hands_on_keeps_its_type(hook, args, index, error):
    """A plugin that waits for a read is not to blame for what the read raises."""
    with pytest.raises(type(error)) as caught:
        manager_with(Raises(error, "between")).execute_hook(hook, *args)
    assert caught.value is error
    if isinstance(error, LoaderError | StoreNotFoundError):
        assert f"plugin 'between' ran in {hook}" in error.__notes__[-1]


@pytest.mark.parametrize("hook", ["post_sample", "post_collate"])
def test_nothing_returned_from_a_chain_is_an_error(hook):
    """The forgotten return is named, instead of a failure in the next plugin."""

    class Forgetful(DataLoaderPlugin):
        def get_hook_methods(self):
            return {hook: "forget"}

        def forget(self): ...

    with pytest.raises(HookError, match=f"'forgetful' returned None from {hook}") as caught:
        manager_with(Appends("later", -1), Forgetful("forgetful")).execute_hook(hook, {}, 5)
    assert "return sample" in str(caught.value) or "return batch" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrapper_is_blamed_for_its_own_errors_only():
    """What it lets through keeps the name of the plugin inside."""

    class Wraps:
        def __init__(self, fails):
            self.fails = fails

        @hookimpl(wrapper=True)
        def pre_batch(self):
            yield
            if self.fails:
                raise KeyError("mine")

    with pytest.raises(HookError) as caught:
        manager_with(Wraps(fails=False), Raises(ValueError("inner"))).execute_hook("pre_batch", None, [])
    assert caught.value.plugin == "raises"
    with pytest.raises(HookError) as caught:
        manager_with(Wraps(fails=True), Appends()).execute_hook("pre_batch", None, [])
    assert caught.value.plugin == "Wraps"


def test_the_names_survive_the_trip_from_a_worker():
    """Pickled, an error keeps its text, its fields and its notes."""
    with pytest.raises(HookError) as caught:
        manager_with(Raises(ValueError("boom"), "bad")).execute_hook("post_sample", [], 17, None, True)
    caught.value.add_note("in worker 1")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.plugin, copy.hook, copy.index, copy.__notes__) == ("bad", "post_sample", 17, ["in worker 1"])


def test_where_a_sample_lies_survives_the_trip_from_a_worker():
    """Located, an error keeps text and fields when pickled; the place stands right below the rule."""
    error = HookError("plugin 'bad' failed\n  got:      boom", "bad", "post_sample", "acme 1", 17)
    error.locate("raw /a.zarr", Draw(seed=3, epoch=2, k=340))
    copy = pickle.loads(pickle.dumps(error))
    expected = [
        "plugin 'bad' failed",
        "  sample:   17 (epoch 2, draw 340)",
        "  crop:     raw /a.zarr",
        "  got:      boom",
    ]
    assert str(copy).splitlines() == str(error).splitlines() == expected
    assert (copy.plugin, copy.hook, copy.distribution, copy.index) == ("bad", "post_sample", "acme 1", 17)
    assert (copy.crop, copy.seed, copy.epoch, copy.k) == ("raw /a.zarr", 3, 2, 340)


def test_an_error_is_located_once():
    """The sample a plugin read while it handled another stays the one the error is about."""
    error = HookError("plugin 'bad' failed", index=17)
    error.locate("inner", Draw(0, 0, 340))
    before = str(error)
    error.locate("outer", Draw(0, 0, 341))
    assert (str(error), error.crop, error.k) == (before, "inner", 340)


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in errors.__all__ if name != "message"])
def test_every_error_can_be_made_without_its_constructor(kind: type[BaseException]) -> None:
    """Of several builtin bases the one that sets the layout comes first: libraries that pickle rely on it."""
    assert isinstance(kind.__new__(kind, "text"), kind)
