"""The types of hooks are those of hookspecs and no burden on a plugin; tests/typing has what they catch."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import pytest

from cellmap_data import hookspecs, hooktypes
from cellmap_data.errors import PluginRegistrationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.hooktypes import PostSample, PreBatch
from cellmap_data.plugins import DataLoaderPlugin, PluginManager
from tests.plugins.actors import run

CHECKED = Path(__file__).parents[1] / "typing" / "hooks.py"
TYPES = {hook: "".join(map(str.capitalize, hook.split("_"))) for hook in PluginManager().list_hooks()}


def test_every_hook_has_a_type_and_no_type_is_left_over():
    """Named after the hook."""
    assert hooktypes.__all__ == sorted(TYPES.values())


@pytest.mark.parametrize("hook", TYPES)
def test_a_type_says_what_the_hook_says(hook):
    """Names, order and types of the arguments, and the return value."""
    specified = inspect.signature(getattr(hookspecs, hook))
    typed = inspect.signature(getattr(getattr(hooktypes, TYPES[hook]), hook))
    own, *arguments = typed.parameters.values()
    assert own.name == "self"
    assert arguments == list(specified.parameters.values())
    assert typed.return_annotation == specified.return_annotation


@pytest.mark.parametrize("hook", TYPES)
def test_the_relay_is_checked_against_every_type(hook):
    """A new hook cannot be forgotten in the file that mypy reads."""
    assert f"\n{hook}: {TYPES[hook]} = relay\n" in CHECKED.read_text()


class Typed(PostSample, PreBatch):
    def __init__(self, told=()):
        self.told = list(told)

    @hookimpl
    def post_sample(self, sample, index, rng, is_train):
        return [*sample, "typed"]

    @hookimpl
    def pre_batch(self, dataset, indices):
        self.told.append((dataset, indices))


class Listing(DataLoaderPlugin, PostSample):
    def get_hook_methods(self):
        return {"post_sample": "post_sample"}

    def post_sample(self, sample, index, rng, is_train):
        return [*sample, index]


def test_a_plugin_with_types_runs_and_travels():
    """They do nothing at run time."""
    manager = PluginManager()
    manager.register_plugin(Typed)
    manager.register_plugin(Listing("listing"))
    manager.execute_hook("pre_batch", "dataset", [1])
    there = pickle.loads(pickle.dumps(manager))
    assert there.get_plugin("Typed").told == [("dataset", [1])]
    assert run(manager) == run(there) == ["typed", 3]


class Forgotten(PostSample):
    def post_sample(self, sample, index, rng, is_train): ...


class Missing(PostSample):
    @hookimpl
    def pre_batch(self): ...


@pytest.mark.parametrize(
    ("plugin", "words"),
    [(Forgotten, "looks like the hook post_sample"), (Missing, "abstract (class|method)")],
    ids=["not marked", "not there"],
)
def test_a_type_is_no_hook(plugin, words):
    """Who derives from a type still writes the method and marks it."""
    with pytest.raises(PluginRegistrationError, match=words):
        PluginManager().register_plugin(plugin)
