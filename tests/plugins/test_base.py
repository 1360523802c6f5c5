"""The base class of plugins."""

from __future__ import annotations

import pickle

import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.plugins import DataLoaderPlugin
from tests.plugins.actors import Appends


def test_a_plugin_begins_enabled_with_its_name_and_number():
    """Name and priority are what they were made with, priority 0 unless given."""
    plugin = Appends("mine", priority=75)
    assert (plugin.name, plugin.priority, plugin.enabled) == ("mine", 75, True)
    assert Appends("mine").priority == 0


def test_a_plugin_must_say_what_it_answers():
    """A class without get_hook_methods cannot be instantiated."""
    with pytest.raises(TypeError, match="get_hook_methods"):
        DataLoaderPlugin("mine")


@pytest.mark.parametrize("name", ["", None, 3], ids=repr)
def test_a_name_is_text(name):
    """Anything else would make messages that name nobody."""
    with pytest.raises(ConfigurationError, match="needs a name"):
        Appends(name)


@pytest.mark.parametrize("priority", [1.5, "high", None], ids=repr)
def test_a_priority_is_a_whole_number(priority):
    """Anything else has no place in the order."""
    with pytest.raises(ConfigurationError, match="whole number"):
        Appends(priority=priority)
    with pytest.raises(ConfigurationError, match="whole number"):
        Appends().priority = priority


def test_only_changes_count_as_changes():
    """The revision grows when the number moves, not when it is set to what it was, nor by the switch."""
    plugin = Appends(priority=3)
    start = plugin.revision
    plugin.enable()
    plugin.priority = 3
    assert plugin.revision == start
    plugin.disable()
    assert plugin.revision == start
    plugin.priority = 4
    plugin.changed()
    assert plugin.revision == start + 2


def test_the_switch_travels():
    """A disabled plugin is disabled after pickling."""
    plugin = Appends(priority=3)
    plugin.disable()
    copy = pickle.loads(pickle.dumps(plugin))
    assert (copy.name, copy.priority, copy.enabled) == ("appends", 3, False)
