"""The object that loaders call hooks on."""

from __future__ import annotations

import inspect

import pytest

from cellmap_data import hookspecs
from cellmap_data.dataloader import HookRelay
from cellmap_data.hookspecs import CHAIN_HOOKS
from cellmap_data.plugins import PluginManager, PluginRelay

HOOKS = PluginManager().list_hooks()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_method_of_its_signature(hook):
    """Names, order and kinds of the arguments are those of hookspecs."""
    specified = inspect.signature(getattr(hookspecs, hook)).parameters.values()
    offered = list(inspect.signature(getattr(PluginRelay, hook)).parameters.values())[1:]
    assert [(p.name, p.kind) for p in offered] == [(p.name, p.kind) for p in specified]


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_without_plugins_do_nothing(hook):
    """A chain gives its value back, the others nothing."""
    arguments = dict.fromkeys(inspect.signature(getattr(hookspecs, hook)).parameters)
    if hook in CHAIN_HOOKS:
        arguments[CHAIN_HOOKS[hook]] = value = object()
        assert getattr(PluginManager().relay, hook)(**arguments) is value
    else:
        assert getattr(PluginManager().relay, hook)(**arguments) is None


@pytest.mark.parametrize("hook", CHAIN_HOOKS)
def test_what_passes_through_a_chain_is_the_first_argument(hook):
    """The relay and the adapters count on it."""
    assert next(iter(inspect.signature(getattr(hookspecs, hook)).parameters)) == CHAIN_HOOKS[hook]


def test_the_relay_is_what_the_loader_asks_for():
    """It has everything of the loader's protocol."""
    asked = {name for name in vars(HookRelay) if not name.startswith("_")}
    assert asked <= set(dir(PluginRelay))
