"""Registering plugins and calling hooks."""

from __future__ import annotations

import threading

import pytest

from cellmap_data import hookspecs
from cellmap_data.errors import ConfigurationError, PluginRegistrationError, UnknownPluginError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin, PluginManager
from tests.plugins import module_plugin
from tests.plugins.actors import Answers, Appends, Marked, Reader, run


def make_marked():
    return Marked()


@pytest.fixture
def manager():
    manager = PluginManager()
    for name, priority in [("low", 1), ("high", 100), ("middle", 50)]:
        manager.register_plugin(Appends(name, priority))
    return manager


def test_plugins_are_listed_as_registered_and_called_by_number(manager):
    """The two orders differ."""
    assert manager.list_plugins() == ["low", "high", "middle"]
    assert run(manager) == ["high", "middle", "low"]


@pytest.mark.parametrize(
    "words",
    [{"name": 3}, {"options": 3}, {"priority": "high"}, {"priority": True}, {"on_error": 3}],
    ids=str,
)
def test_what_is_said_of_a_plugin_is_checked(manager, words):
    """A name, a number, a policy and options that are none are refused by the error of this package."""
    with pytest.raises(ConfigurationError, match=r"(?s)expected:.*got:"):
        manager.register_plugin(Appends("new"), **words)
    assert manager.list_plugins() == ["low", "high", "middle"]


def test_a_plugin_is_given_back_by_name(manager):
    """get_plugin answers None, unregister_plugin an error with the nearest name."""
    high = manager.get_plugin("high")
    assert manager.get_plugin("nobody") is None
    assert manager.unregister_plugin("high") is high
    assert run(manager) == ["middle", "low"]
    with pytest.raises(UnknownPluginError, match="did you mean 'middle'"):
        manager.unregister_plugin("midle")


@pytest.mark.parametrize(
    ("plugin", "name", "made"),
    [
        pytest.param(Appends("mine"), "mine", "mine", id="DataLoaderPlugin"),
        pytest.param(Appends, "appends", "appends", id="class of DataLoaderPlugin"),
        pytest.param(Marked(), "Marked", "marked", id="object"),
        pytest.param(Marked, "Marked", "marked", id="class"),
        pytest.param(make_marked, "Marked", "marked", id="function"),
        pytest.param(module_plugin, "tests.plugins.module_plugin", "module", id="module"),
    ],
)
def test_what_can_be_a_plugin(plugin, name, made):
    """Two ways to write one; a class or a function is called."""
    manager = PluginManager()
    assert manager.register_plugin(plugin) == name
    assert manager.list_plugins() == [name]
    assert run(manager) == [made]


def test_name_number_and_options_can_be_given(manager):
    """They win over what the plugin says of itself."""
    manager.register_plugin(Appends, name="other", priority=60, options={"name": "made", "priority": 3})
    assert manager.list_plugins()[-1] == "other"
    assert run(manager) == ["high", "made", "middle", "low"]


def test_plugins_without_a_number_of_their_own_stand_at_zero():
    """A module or object may have a ``priority``."""
    manager = PluginManager()
    for plugin in (Appends("zero"), Appends("five", 5), module_plugin, Marked()):
        manager.register_plugin(plugin)
    assert run(manager) == ["marked", "five", "module", "zero"]


class Unfinished(DataLoaderPlugin):
    """Answers with what it was made with."""

    def __init__(self, methods):
        super().__init__("unfinished")
        self.methods = methods

    def get_hook_methods(self):
        if isinstance(self.methods, Exception):
            raise self.methods
        return self.methods

    def method(self): ...


class Misspelt:
    @hookimpl
    def post_sampel(self, sample): ...


class WrapsChain:
    @hookimpl(wrapper=True)
    def post_collate(self):
        yield


class Urgent(Marked):
    priority = "urgent"


class NeverYields:
    @hookimpl(wrapper=True)
    def pre_epoch(self): ...


class Both:
    @hookimpl(wrapper=True, hookwrapper=True)
    def pre_epoch(self):
        yield


class Twice(Appends):
    @hookimpl
    def post_sample(self, sample): ...


class NeedsOptions:
    def __init__(self, strength):
        raise AssertionError("not reached without strength")


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        pytest.param(Misspelt(), ["'Misspelt'", "post_sampel", "'post_sample'"], id="unknown hook"),
        pytest.param(
            Unfinished({"pre_batsch": "method"}), ["pre_batsch", "'pre_batch'"], id="listed unknown hook"
        ),
        pytest.param(
            Unfinished({"pre_batch": "metod"}), ["no method for pre_batch", "metod"], id="no such method"
        ),
        pytest.param(Unfinished({"pre_batch": 3}), ["no method for pre_batch", "3"], id="no name"),
        pytest.param(Unfinished(["pre_batch"]), ["get_hook_methods", "['pre_batch']"], id="no mapping"),
        pytest.param(Unfinished(ValueError("oops")), ["oops"], id="cannot say"),
        pytest.param(WrapsChain(), ["wraps post_collate", "the batch passes"], id="wrapper on a chain"),
        pytest.param(Urgent(), ["'Urgent' has no number", "urgent"], id="priority that is no number"),
        pytest.param(NeverYields(), ["never yields"], id="wrapper that never yields"),
        pytest.param(Both(), ["'Both'", "mutually exclusive"], id="two kinds of wrapper"),
        pytest.param(Twice(), ["answers post_sample twice"], id="one hook twice"),
        pytest.param(object(), ["answers no hook", "hookimpl", "DataLoaderPlugin"], id="no plugin"),
        pytest.param(threading, ["answers no hook"], id="no plugin but a module"),
        pytest.param("acme.denoise", ["only a name", "plugins=["], id="a name"),
        pytest.param(module_plugin.post_sample, ["single function"], id="a function"),
        pytest.param(NeedsOptions, ["'NeedsOptions'", "strength"], id="class that needs options"),
        pytest.param(lambda: 3, ["makes no plugin"], id="function that makes no plugin"),
        pytest.param(None, ["plain value"], id="nothing"),
    ],
)
def test_what_cannot_work_is_refused_when_registered(manager, plugin, words):
    """The message says what is wrong and what to do, and the manager stays as it was."""
    with pytest.raises(PluginRegistrationError) as caught:
        manager.register_plugin(plugin)
    assert all(word in str(caught.value) for word in words), caught.value
    assert manager.list_plugins() == ["low", "high", "middle"]
    assert run(manager) == ["high", "middle", "low"]


def test_names_are_given_once(manager):
    """A second plugin of a name, or a second name of a plugin, is refused."""
    with pytest.raises(
        PluginRegistrationError, match=r"'high' has a name that is taken(?s:.*)actors.Appends"
    ):
        manager.register_plugin(Appends("high"))
    with pytest.raises(PluginRegistrationError, match=r"registered already(?s:.*)same object as 'high'"):
        manager.register_plugin(manager.get_plugin("high"), name="other")


def test_equal_plugins_are_different_plugins(manager):
    """Plugins may define equality, or be unhashable."""

    class Equal(Marked):
        __hash__ = None

        def __eq__(self, other):
            return True

    manager.register_plugin(Equal(), name="one")
    manager.register_plugin(Equal(), name="two")
    manager.unregister_plugin("one")
    assert manager.list_plugins() == ["low", "high", "middle", "two"]


def test_options_are_for_classes(manager):
    """An object cannot take any."""
    with pytest.raises(PluginRegistrationError, match="takes no options"):
        manager.register_plugin(Appends("other"), options={"strength": 1})


def test_an_optional_hook_need_not_exist():
    """That is what pluggy's ``optionalhook`` is for."""

    class Ahead(Marked):
        @hookimpl(optionalhook=True)
        def hook_of_next_year(self): ...

    manager = PluginManager()
    manager.register_plugin(Ahead())
    assert run(manager) == ["marked"]


def test_properties_are_left_alone():
    """Looking for hooks evaluates nothing."""

    class Lazy(Marked):
        @property
        def model(self):
            raise AssertionError("evaluated")

    PluginManager().register_plugin(Lazy())


def test_all_hooks_are_listed(manager):
    """Those of hookspecs, whether anyone answers them or not."""
    assert manager.list_hooks() == sorted(
        name for name, value in vars(hookspecs).items() if hasattr(value, "cellmap_data_spec")
    )
    assert len(manager.list_hooks()) == 13


@pytest.mark.parametrize("arguments", [((["x"], 3, None, True), {}), ((["x"],), {}), ((), {"sample": ["x"]})])
def test_chain_hooks_return_what_the_plugins_made(manager, arguments):
    """Arguments by position or by name; those left out are None."""
    args, kwargs = arguments
    assert manager.execute_hook("post_sample", *args, **kwargs) == ["x", "high", "middle", "low"]


def test_notify_hooks_reach_everyone_with_the_same_arguments(manager):
    """They return nothing."""
    indices = [1, 2]
    assert manager.execute_hook("pre_batch", None, indices) is None
    assert all(manager.get_plugin(name).told[0] is indices for name in manager.list_plugins())


def test_the_first_answer_counts():
    """Plugins are asked in order until one answers; none is None."""
    manager = PluginManager()
    assert manager.execute_hook("open_array", "a.zarr", None) is None
    late, early = Reader(), Reader()
    manager.register_plugin(Answers(late, "late", 1))
    manager.register_plugin(Answers(None, "silent", 3))
    manager.register_plugin(Answers(early, "early", 2))
    assert manager.execute_hook("open_array", "a.zarr", None) is early


@pytest.mark.parametrize(
    ("hook", "args", "kwargs", "words"),
    [
        pytest.param("post_sampel", (), {}, "did you mean 'post_sample'", id="no such hook"),
        pytest.param("post_sample", ([],), {"idx": 3}, "idx", id="no such argument"),
        pytest.param("post_batch", (1, 2), {}, "too many", id="too many arguments"),
    ],
)
def test_a_wrong_call_says_so(manager, hook, args, kwargs, words):
    """Before any plugin runs."""
    with pytest.raises(ConfigurationError, match=words):
        manager.execute_hook(hook, *args, **kwargs)
