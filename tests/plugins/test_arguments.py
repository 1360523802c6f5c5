"""Which arguments of a hook reach a plugin."""

from __future__ import annotations

import functools

import pytest

from cellmap_data.errors import PluginRegistrationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin, PluginManager

ALL = {"sample": "S", "index": 3, "rng": "R", "is_train": True}


def renamed(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


FUNCTIONS = {
    "all": (lambda sample, index, rng, is_train: locals(), {"sample", "index", "rng", "is_train"}),
    "one": (lambda rng: locals(), {"rng"}),
    "none": (lambda: {"called": True}, set()),
    "another order": (lambda is_train, sample: locals(), {"is_train", "sample"}),
    "everything by name": (lambda **kwargs: kwargs, set(ALL)),
    "some, and the rest": (lambda sample, **kwargs: {"sample": sample} | kwargs, set(ALL)),
    "positional only, and the rest": (lambda sample, /, **kwargs: {"sample": sample} | kwargs, set(ALL)),
    "by keyword only": (lambda *, index, rng: locals(), {"index", "rng"}),
    "with a default": (lambda sample, is_train=False: locals(), {"sample", "is_train"}),
    "behind a stranger": (lambda sample, s=1, rng=None: {"sample": sample, "rng": rng}, {"sample", "rng"}),
    "all, and a stranger": (
        lambda sample, index, rng, is_train, s=1: {k: v for k, v in locals().items() if k != "s"},
        set(ALL),
    ),
    "decorated": (renamed(lambda rng, sample: {"rng": rng, "sample": sample}), {"rng", "sample"}),
    "anything": (lambda *args, **kwargs: kwargs, set(ALL)),
    "partial": (functools.partial(lambda x, rng: {"rng": rng}, 1), {"rng"}),
}
cases = pytest.mark.parametrize(("function", "names"), FUNCTIONS.values(), ids=FUNCTIONS)


class Listed(DataLoaderPlugin):
    def __init__(self, function):
        super().__init__("listed")
        self.method = function

    def get_hook_methods(self):
        return {"post_sample": "method"}


@cases
def test_a_method_gets_what_it_names(function, names):
    """Any subset in any order, with or without ``**kwargs``, defaults never instead of the argument."""
    manager = PluginManager()
    manager.register_plugin(Listed(function))
    given = manager.relay.post_sample(**ALL)
    assert given == ({name: ALL[name] for name in names} or {"called": True})


@cases
def test_a_marked_function_gets_the_same(function, names):
    """Both ways to write a plugin have the same rules, whatever pluggy would pass."""

    class Plugin:
        post_sample = staticmethod(hookimpl(renamed(function)))

    manager = PluginManager()
    manager.register_plugin(Plugin())
    assert manager.relay.post_sample(**ALL) == ({name: ALL[name] for name in names} or {"called": True})


@pytest.mark.parametrize("hook", ["pre_batch", "load_samples", "post_batch", "open_array", "setup_worker"])
def test_hooks_run_by_pluggy_follow_the_same_rules(hook):
    """A plugin with ``**kwargs`` gets every argument of notify and first-result hooks too."""
    seen = {}
    manager = PluginManager()

    class Everything(DataLoaderPlugin):
        def get_hook_methods(self):
            return {hook: "see"}

        def see(self, **kwargs):
            seen.update(kwargs)

    manager.register_plugin(Everything("everything"))
    manager.execute_hook(hook, *range(3)[: {"post_batch": 1, "setup_worker": 3}.get(hook, 2)])
    assert list(seen.values()) == list(range(len(seen)))
    assert seen


@pytest.mark.parametrize(
    ("function", "words"),
    [
        pytest.param(lambda sampel: 1, ["'listed'", "sampel", "did you mean 'sample'?"], id="misspelt"),
        pytest.param(lambda sample, strength: 1, ["strength", "post_sample(sample, strength)"], id="unknown"),
        pytest.param(lambda sample, *, strength: 1, ["strength"], id="unknown keyword"),
        pytest.param(lambda *args: 1, ["*args", "or **kwargs"], id="nameless"),
        pytest.param(dict.update, ["post_sample"], id="unreadable"),
    ],
)
def test_arguments_that_the_hook_does_not_have_are_refused(function, words):
    """The message names plugin, argument, what there is, and the nearest."""
    with pytest.raises(PluginRegistrationError) as caught:
        PluginManager().register_plugin(Listed(function))
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_forgotten_self_is_refused():
    """Otherwise the plugin would take itself for the sample."""

    class Forgetful:
        @hookimpl
        def post_sample(sample):  # noqa: N805 - the mistake in question
            return sample

    with pytest.raises(PluginRegistrationError, match="add 'self'"):
        PluginManager().register_plugin(Forgetful())
