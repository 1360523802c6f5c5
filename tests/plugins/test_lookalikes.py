"""What looks like a hook and is none, and what only seems to."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from cellmap_data.errors import PluginRegistrationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import API_VERSION, PluginManager, installed_plugins
from tests.plugins.actors import Appends, Marked, run


def plugin_with(name, function):
    """A plugin that answers one hook, and has one more function."""
    return type("Plugin", (Marked,), {name: function})()


@pytest.mark.parametrize(
    "name",
    ["pre_batch", "pre_bach", "pre_bbatch", "pre_batsh", "per_batch", "pre_batches"[:-1]],
    ids=["the name", "a letter less", "a letter more", "another letter", "exchanged", "one more at the end"],
)
def test_a_function_one_edit_from_a_hook_is_refused(name):
    """It would never be called, and its author would not know."""
    with pytest.raises(PluginRegistrationError, match=f"(?s:.*)got:      {name}"):
        PluginManager().register_plugin(plugin_with(name, lambda self, indices: None))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        pytest.param("_pre_batch", lambda self, indices: None, id="private"),
        pytest.param("load_sample", lambda self, path: None, id="near, with parameters of its own"),
        pytest.param("batches", lambda self: None, id="two edits away"),
        pytest.param("pre_batch", property(lambda self: 1 / 0), id="property"),
        pytest.param("pre_batch", 3, id="no function"),
    ],
)
def test_helpers_are_left_alone(name, function):
    """A plugin may have functions of its own."""
    manager = PluginManager()
    manager.register_plugin(plugin_with(name, function))
    assert run(manager) == ["marked"]


def test_methods_that_a_plugin_lists_may_have_any_name():
    """Also that of a hook, or one near to it."""

    class Listed(Appends):
        def get_hook_methods(self):
            return {"post_sample": "post_sampel", "pre_batch": "pre_batch"}

        def post_sampel(self, sample):
            return [*sample, "listed"]

        def pre_batch(self): ...

    manager = PluginManager()
    manager.register_plugin(Listed())
    assert run(manager) == ["listed"]


@pytest.mark.parametrize("home", ["elsewhere", "by_hand"])
def test_a_module_may_import_what_has_the_name_of_a_hook(home):
    """``from cellmap_data.storage import open_array`` is no hook; one defined in the module looks like it."""
    module = ModuleType("by_hand")
    module.post_sample = hookimpl(lambda sample: sample)
    module.open_array = lambda uri: None
    module.open_array.__module__ = home
    if home == "elsewhere":
        PluginManager().register_plugin(module)
    else:
        with pytest.raises(PluginRegistrationError, match="looks like the hook open_array"):
            PluginManager().register_plugin(module)


@pytest.mark.parametrize("required", [f"=={API_VERSION}", ">=1,<2", None], ids=str)
def test_a_requirement_that_is_met_is_fine(required):
    """And so is none at all."""
    plugin = type("Plugin", (Marked,), {} if required is None else {"requires_api": required})
    PluginManager().register_plugin(plugin)


@pytest.mark.filterwarnings("default")
def test_a_broken_plugin_is_listed_and_warned_of_once(install, acme, recwarn):
    """It stops no other; what needs options is not broken."""
    install("broken", {"broken.one": ":Plugin"}, module="raise SystemExit('imported')")
    install("needy", {"needy": ":Needy"}, module="class Needy:\n    def __init__(self, path): ...\n")
    listed = {plugin.name: plugin for _ in range(2) for plugin in installed_plugins()}
    assert "SystemExit: imported" in listed["broken.one"].broken
    assert "pip install --force-reinstall broken" in listed["broken.one"].broken
    assert (listed["needy"].needs, listed["needy"].broken) == (("path",), "")
    good = listed["acme.class"]
    assert (good.distribution, good.version, good.hooks) == ("acme", "1.2", ("post_sample",))
    assert (good.priority, good.broken, listed["prefetch"].priority) == (0, "", 100)
    assert [str(w.message) for w in recwarn] == [listed["broken.one"].broken]


def test_two_distributions_of_one_name_are_both_listed(install, acme):
    """As broken, and nothing of them is imported."""
    install("other", {"acme.class": ":Adds"}, module="raise SystemExit('imported')")
    with pytest.warns(RuntimeWarning, match="offered more than once"):
        found = [plugin for plugin in installed_plugins() if plugin.name == "acme.class"]
    assert sorted(plugin.distribution for plugin in found) == ["acme", "other"]
    assert all("acme 1.2" in plugin.broken and "other 1.2" in plugin.broken for plugin in found)
    assert "other_code" not in sys.modules
