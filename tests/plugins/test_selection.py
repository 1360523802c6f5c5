"""Plugins by the names of their entry points."""

from __future__ import annotations

import pickle
import sys

import pytest

from cellmap_data.errors import ConfigurationError, HookError, PluginRegistrationError, UnknownPluginError
from cellmap_data.plugins import FailurePolicy, build_manager
from cellmap_data.plugins.selection import try_names
from tests.plugins.actors import Appends, run


@pytest.mark.parametrize(
    ("name", "word"), [("class", "word"), ("object", "ready"), ("function", "made"), ("module", "module")]
)
@pytest.mark.usefixtures("acme")
def test_an_entry_point_may_name_any_kind_of_plugin(name, word):
    """The name that is typed is the name that is shown."""
    manager = build_manager([f"acme.{name}"])
    assert manager.list_plugins() == [f"acme.{name}"]
    assert run(manager) == [word]


SELECTIONS = {
    "one name": ("acme.class", ["word"]),
    "names in order": (["acme.object", "acme.class"], ["ready", "word"]),
    "options in a mapping": ([{"acme.class": {"word": "mine"}}], ["mine"]),
    "a mapping of several": ({"acme.object": None, "acme.function": {"word": "mine"}}, ["ready", "mine"]),
    "names, then options": (
        ["acme.class", "acme.object", {"acme.class": {"word": "mine"}}],
        ["mine", "ready"],
    ),
    "objects between names": (["acme.class", Appends("object"), "acme.module"], ["word", "object", "module"]),
    "one left out": (["acme.class", "acme.object", "no:acme.class"], ["ready"]),
    "one left out beforehand": (["no:acme.class", "acme.class"], []),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("selection", "words"), SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.usefixtures("acme")
def test_what_is_selected_runs_in_the_order_of_the_selection(selection, words):
    """Equal numbers run as registered; a name that comes again keeps its place."""
    assert run(build_manager(selection)) == words


@pytest.mark.usefixtures("acme")
def test_given_options_are_defaults_of_the_selection():
    """What the user types wins, option by option; options of what is not selected wait."""
    options = {"acme.class": {"word": "default", "other": "!"}, "acme.absent": {"word": "x"}}
    assert run(build_manager(["acme.class"], options)) == ["default!"]
    assert run(build_manager([{"acme.class": {"word": "mine"}}], options)) == ["mine!"]


@pytest.mark.parametrize("name", ["acme.class", "acme.object", "acme.module"])
@pytest.mark.usefixtures("acme")
def test_what_happens_on_errors_is_an_option_of_every_plugin(name):
    """Also of those that take none of their own; it is not passed on to the plugin."""
    manager = build_manager([{name: {"on_error": "skip_plugin(limit=3)"}}])
    assert manager.roster.plugins[0].policy == FailurePolicy("skip_plugin", 3)
    with pytest.raises(ConfigurationError, match="skip_sample"):
        build_manager([{name: {"on_error": "shrug"}}])


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("acme.class", ["own", "word"]),
        (" acme.object , acme.class,", ["own", "ready", "word"]),
        ("", ["own"]),
    ],
    ids=["one", "several", "none"],
)
@pytest.mark.usefixtures("acme")
def test_the_environment_names_more(monkeypatch, listed, words):
    """After those of the selection."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", listed)
    assert run(build_manager([Appends("own")])) == words


@pytest.mark.usefixtures("acme")
def test_the_environment_can_leave_one_out(monkeypatch):
    """Without a change to the program."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "no:acme.class")
    assert run(build_manager(["acme.class", "acme.object"])) == ["ready"]


@pytest.mark.parametrize(("value", "off"), [("1", True), ("true", True), ("0", False), ("", False)])
@pytest.mark.usefixtures("acme")
def test_the_environment_can_turn_all_off(monkeypatch, value, off):
    """Not even the ones handed in as objects are there, and nothing is imported."""
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", value)
    manager = build_manager(["acme.class", Appends("own")])
    assert run(manager) == ([] if off else ["word", "own"])
    assert ("acme_code" in sys.modules) != off


def test_only_what_is_selected_is_imported(install, acme):
    """Selection first, import second: a broken neighbour does no harm."""
    install("broken", {"broken.one": ":Plugin"}, module="raise RuntimeError('imported')")
    build_manager(["acme.class"])
    assert "acme_code" in sys.modules
    with pytest.raises(PluginRegistrationError) as caught:
        build_manager(["broken.one"])
    text = str(caught.value)
    assert all(
        word in text for word in ["'broken.one'", "broken 1.2", "RuntimeError: imported", "no:broken.one"]
    )


@pytest.mark.parametrize("selection", [["acme.klass"], ["acme.class", "no:acme.klass"]], ids=["in", "out"])
@pytest.mark.usefixtures("acme")
def test_an_unknown_name_is_an_error_with_the_nearest(selection):
    """Also where a misspelt name would leave nothing out."""
    with pytest.raises(UnknownPluginError, match=r"'acme\.klass'(?s:.*)did you mean 'acme.class'"):
        build_manager(selection)


@pytest.fixture
def acme_noise(install):
    """A distribution with one plugin, beside one with several."""
    install("acme_noise", {"acme.noise": ":Adds"})


BY_DISTRIBUTION = {
    "as it is written": (["acme_noise"], ["word"]),
    "as pip compares names": (["Acme.Noise"], ["word"]),
    "with options": ([{"acme-noise": {"word": "mine"}}], ["mine"]),
    "both names": (["acme-noise", "acme.object", "acme.noise"], ["word", "ready"]),
    "options by both names": (
        [{"acme-noise": {"word": "mine"}}, {"acme.noise": {"other": "!"}}],
        ["mine!"],
    ),
    "left out by the other name": (["acme.noise", "no:acme-noise"], []),
    "left out by its own name": (["no:acme.noise", "acme-noise"], []),
}


@pytest.mark.parametrize(("selection", "words"), BY_DISTRIBUTION.values(), ids=BY_DISTRIBUTION)
@pytest.mark.usefixtures("acme", "acme_noise")
def test_a_distribution_with_one_plugin_stands_for_it(selection, words):
    """Typed either way it is the same plugin, once."""
    assert run(build_manager(selection)) == words


@pytest.mark.usefixtures("acme_noise")
def test_a_plugin_named_by_its_distribution_goes_by_its_own_name(monkeypatch):
    """In the manager, also when the environment names it, and for the options given beside a selection."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "acme-noise")
    manager = build_manager(options={"acme.noise": {"word": "default"}})
    assert manager.list_plugins() == ["acme.noise"]
    assert manager.get_plugin("acme.noise").word == "default"


def test_the_name_of_a_plugin_wins_over_that_of_a_distribution(install, acme):
    """Installing a package never changes what a name means that worked before."""
    install("noise", {"other": ":ready"})
    assert build_manager(["noise"]).list_plugins() == ["other"]
    install("third", {"noise": ":Adds"})
    assert build_manager(["noise"]).list_plugins() == ["noise"]


@pytest.mark.usefixtures("acme", "acme_noise")
def test_the_nearest_name_may_be_that_of_a_distribution():
    """A misspelt one is an error like any other; one with several plugins is not offered."""
    with pytest.raises(UnknownPluginError, match="did you mean 'acme-noise'"):
        build_manager(["acme-nois"])
    with pytest.raises(UnknownPluginError, match=r"'acm'(?s:.*)next: +(?!.*'acme')"):
        build_manager(["acm"])


@pytest.mark.parametrize("selection", ["acme", "no:acme", {"acme": {}}], ids=["in", "out", "options"])
@pytest.mark.usefixtures("acme")
def test_a_distribution_with_several_plugins_stands_for_none(selection):
    """It lists them and imports nothing."""
    with pytest.raises(UnknownPluginError, match=r"acme 1\.2(?s:.*)acme\.class, acme\.fails, acme\.function"):
        build_manager(selection)
    assert "acme_code" not in sys.modules


@pytest.mark.parametrize(
    "selection", [["acme-noise"], ["acme.noise", "no:other"]], ids=["one is named", "one is left out"]
)
def test_a_distribution_can_decide_between_two_of_one_name(selection, acme_noise, install):
    """Who says which is meant need not uninstall the other."""
    install("other", {"acme.noise": ":ready"})
    assert build_manager(selection).get_plugin("acme.noise").word == "word"


@pytest.mark.parametrize("first", [True, False], ids=["name first", "object first"])
@pytest.mark.usefixtures("acme")
def test_a_plugin_by_name_and_as_an_object_is_refused(first):
    """It would run twice on every sample, under two names."""
    import acme_code

    selection = ["acme.class", acme_code.Adds()]
    with pytest.raises(PluginRegistrationError, match=r"'acme\.class'") as caught:
        build_manager(selection if first else selection[::-1])
    assert "'its own name'" in str(caught.value)


@pytest.mark.usefixtures("acme")
def test_a_second_object_of_an_installed_class_needs_a_name():
    """Who gives it one wants it, and the pair travels to workers."""
    import acme_code

    manager = build_manager(["acme.class"])
    manager.register_plugin(acme_code.Adds("again"), name="again")
    assert run(manager) == ["word", "again"]
    assert pickle.loads(pickle.dumps(manager)).list_plugins() == ["acme.class", "again"]


def test_two_distributions_of_one_name_are_refused(install, acme):
    """Which of them runs must not depend on the order of a path."""
    install("other", {"acme.class": ":Adds"})
    with pytest.raises(PluginRegistrationError, match=r"acme 1\.2") as caught:
        build_manager(["acme.class"])
    assert "other 1.2" in str(caught.value)


@pytest.mark.parametrize(
    ("selection", "error", "words"),
    [
        pytest.param(
            {"acme.class": {"strenth": 1}},
            PluginRegistrationError,
            "'acme.class'(?s:.*)strenth",
            id="unknown",
        ),
        pytest.param({3: {}}, ConfigurationError, "name of its entry point", id="no name"),
        pytest.param({"acme.class": 3}, ConfigurationError, "'acme.class' are no mapping", id="no mapping"),
        pytest.param(
            {"acme.class": {"word": "bad"}}, ConfigurationError, "no bad words", id="refused by the plugin"
        ),
        pytest.param(
            {"acme.module": {"word": "x"}}, PluginRegistrationError, "takes no options", id="of a module"
        ),
        pytest.param(
            {"acme.object": {"word": "x"}}, PluginRegistrationError, "takes no options", id="of an object"
        ),
    ],
)
@pytest.mark.usefixtures("acme")
def test_wrong_options_say_so(selection, error, words):
    """They are passed to the class or function, which may refuse them."""
    with pytest.raises(error, match=words):
        build_manager(selection)


@pytest.mark.usefixtures("acme")
def test_errors_of_an_installed_plugin_name_its_distribution():
    """The user knows whom to ask."""
    with pytest.raises(HookError) as caught:
        run(build_manager(["acme.fails"]))
    assert (caught.value.plugin, caught.value.distribution) == ("acme.fails", "acme 1.2")
    assert "acme_code:Fails of acme 1.2" in str(caught.value)


def test_a_trial_goes_on_without_what_is_refused(install, acme, monkeypatch):
    """It has what works, in the order of the selection, and for each other name the error of a loader."""
    install("broken", {"broken.one": ":Plugin"}, module="raise RuntimeError('no licence')")
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "broken.one, acme.klass, no:acme.moduel, acme.class")
    trial = try_names(["acme.object", "no:acme.module"])
    assert trial.manager.list_plugins() == ["acme.object", "acme.class"]
    assert list(trial.refused) == ["no:acme.moduel", "acme.klass", "broken.one"]
    for name, error in trial.refused.items():
        monkeypatch.setenv("CELLMAP_DATA_PLUGINS", name)
        with pytest.raises(type(error)) as caught:
            build_manager()
        assert str(caught.value) == str(error)


@pytest.mark.usefixtures("acme")
def test_a_trial_of_what_works_is_the_selection(monkeypatch):
    """With everything switched off, it has nothing and refuses nothing."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "acme.class")
    assert run(try_names(["acme.object"]).manager) == run(build_manager(["acme.object"])) == ["ready", "word"]
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", "1")
    trial = try_names(["acme.klass"])
    assert (trial.manager.list_plugins(), trial.refused) == ([], {})
