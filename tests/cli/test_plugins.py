"""``cellmap-data plugins``: the list of what is installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import CellMapDataError
from cellmap_data.plugins import build_manager
from cellmap_data.plugins.selection import DEFAULT_PLUGINS
from tests.toy import Toy

RAISES = "raise RuntimeError('no licence')"

MISSPELT = """
from cellmap_data.hookspecs import hookimpl

class Plugin:
    @hookimpl
    def post_sampel(self, sample):
        return sample
"""

NEEDS = """
from cellmap_data.hookspecs import hookimpl

class Plugin:
    def __init__(self, strength, colour="red"):
        self.strength = strength

    @hookimpl
    def post_sample(self, sample):
        return sample
"""

TALKS = """
from cellmap_data.hookspecs import hookimpl
print("thank you for the music")

@hookimpl
def post_sample(sample):
    return sample

@hookimpl
def add_commands(app):
    print("commands ahead")
"""

FAILS_TO_ADD = """
from cellmap_data.hookspecs import hookimpl

@hookimpl
def add_commands(app):
    app.command("half")(lambda: print("half done"))
    raise ValueError("no more")
"""

GREETS = """
from cellmap_data.hookspecs import hookimpl

@hookimpl
def add_commands(app):
    app.command("greet")(lambda: print("hello"))
"""


def listed(command):
    """The rows by name."""
    return {row["name"]: row for row in json.loads(command("plugins", "--json").out)}


def refusal_of(name):
    """What a loader says to a name."""
    with pytest.raises(CellMapDataError) as caught:
        build_manager([name])
    return str(caught.value)


@pytest.mark.usefixtures("acme")
def test_every_plugin_is_listed_with_what_is_known_about_it(command):
    """The built-in ones are enabled, an installed one is not until somebody names it."""
    rows = listed(command)
    assert rows["acme.class"] == {
        "name": "acme.class",
        "distribution": "acme",
        "version": "1.2",
        "hooks": ["post_sample"],
        "priority": 0,
        "needs": [],
        "broken": "",
        "wanted": False,
        "enabled": False,
    }
    assert rows["prefetch"]["distribution"] == "cellmap-data"
    assert rows["prefetch"]["priority"] == 100
    assert {name for name, row in rows.items() if row["enabled"]} == set(DEFAULT_PLUGINS)
    assert command("plugins").code == 0


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"CELLMAP_DATA_PLUGINS": "acme.class,acme.module"}, id="more"),
        pytest.param({"CELLMAP_DATA_PLUGINS": "no:prefetch, acme.object"}, id="one left out"),
        pytest.param({"CELLMAP_DATA_PLUGINS": "acme.class,no:acme.class"}, id="named and left out"),
        pytest.param({"CELLMAP_DATA_DISABLE_PLUGINS": "1"}, id="switched off"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_enabled_is_what_a_default_loader_has(command, monkeypatch, environment):
    """The list and the loader never disagree, whatever the environment says."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rows = listed(command)
    with EnhancedCellMapDataLoader(Toy()) as loader:
        assert {name for name, row in rows.items() if row["enabled"]} == {
            *loader.plugin_manager.list_plugins()
        }
    assert command("plugins").code == 0


def test_the_list_says_that_plugins_are_switched_off(command, monkeypatch):
    """A column of "no" alone would be a riddle."""
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", "1")
    assert "CELLMAP_DATA_DISABLE_PLUGINS is set" in command("plugins").out


@pytest.mark.parametrize("wanted", [False, True], ids=["installed", "named by the environment"])
@pytest.mark.parametrize("module", [RAISES, MISSPELT], ids=["fails at import", "misspelt hook"])
def test_a_broken_plugin_is_listed_with_the_whole_reason(command, install, acme, monkeypatch, module, wanted):
    """It stops nothing; the code says that something is wrong."""
    install("broken", {"broken.one": ":Plugin"}, module=module)
    reason = refusal_of("broken.one")
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "acme.class" + ",broken.one" * wanted)
    code, out, err = command("plugins")
    assert code == 1
    assert reason in out
    assert (reason in err) == wanted
    assert (
        "No default EnhancedCellMapDataLoader can be made: it would ask for 'broken.one'" in out
    ) == wanted
    rows = listed(command)
    assert rows["acme.class"]["enabled"]
    row = rows["broken.one"]
    assert (row["broken"], row["wanted"], row["enabled"]) == (reason, wanted, False)


def test_a_name_of_two_distributions_is_listed_for_each(command, install, acme):
    """Both rows are there, the reason once."""
    install("other", {"acme.class": ":Adds"}, version="3.4")
    code, out, _ = command("plugins")
    assert code == 1
    assert out.count(refusal_of("acme.class")) == 1
    rows = json.loads(command("plugins", "--json").out)
    assert [row["distribution"] for row in rows if row["name"] == "acme.class"] == ["acme", "other"]


def test_a_plugin_that_needs_options_is_broken_only_where_it_is_wanted_without(command, install, monkeypatch):
    """Nothing is wrong with it; but the environment cannot give options."""
    install("needy", {"needy": ":Plugin"}, module=NEEDS)
    code, out, _ = command("plugins")
    assert (code, "unknown without options: strength" in out) == (0, True)
    assert listed(command)["needy"]["needs"] == ["strength"]
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "needy")
    code, out, _ = command("plugins")
    assert (code, refusal_of("needy") in out) == (1, True)


@pytest.mark.parametrize("name", ["acme.klass", "no:acme.klass", "acme"])
@pytest.mark.usefixtures("acme")
def test_a_name_that_nobody_offers_is_listed(command, monkeypatch, name):
    """With the error that a loader would give, on stderr as well; and every other command runs."""
    reason = refusal_of(name)
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", name)
    code, out, err = command("plugins")
    assert (code, reason in out, reason in err) == (1, True, True)
    row = listed(command)[name]
    assert (row["distribution"], row["broken"], row["wanted"]) == ("", reason, True)
    assert command("--version").code == 0


def test_a_plugin_that_fails_to_add_commands_has_none(command, install, monkeypatch):
    """Not even the first half of them; those of others are there."""
    install("fails", {"fails": ""}, module=FAILS_TO_ADD)
    install("greets", {"greets": ""}, module=GREETS)
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "fails,greets")
    code, out, err = command("greet")
    assert (code, out) == (0, "hello\n")
    assert "plugin 'fails' failed in add_commands" in err
    assert "ValueError: no more" in err
    assert command("half").code == 2


def test_in_a_pipe_each_plugin_has_one_line(command, install):
    """However long: no colours, no frames, nothing cut."""
    name = "a_company_with_a_long_name.a_plugin_with_a_long_name"
    install("greets", {name: ""}, module=GREETS)
    lines = command("plugins").out.splitlines()
    assert [line.split() for line in lines if name in line] == [
        [name, "greets", "1.2", "0", "no", "add_commands"]
    ]
    assert ["prefetch" in line and "setup_worker" in line for line in lines].count(True) == 1
    assert all(line.isascii() and "\x1b" not in line for line in lines)


@pytest.mark.parametrize("columns", [30, 80])
@pytest.mark.usefixtures("acme")
def test_a_narrow_terminal_cuts_nothing(command, monkeypatch, columns):
    """Cells go on below, and names of usual length stay whole; less than it needs it does not take."""
    names = {row["name"] for row in listed(command).values()}
    wide = command("plugins").out
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = command("plugins").out
    assert max(map(len, narrow.splitlines())) <= max(columns, 80) < max(map(len, wide.splitlines()))
    assert sorted(narrow.replace(" ", "").replace("\n", "")) == sorted(
        wide.replace(" ", "").replace("\n", "")
    )
    assert all(name in narrow for name in names)


def test_what_a_plugin_prints_is_not_mixed_with_the_result(command, install, monkeypatch):
    """A script can read stdout."""
    install("talks", {"talks": ""}, module=TALKS)
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "talks")
    done = command("plugins", "--json")
    assert "talks" in {row["name"] for row in json.loads(done.out)}
    assert "thank you for the music" in done.err
    assert "commands ahead" in done.err


@pytest.mark.parametrize(
    "arguments", [["--json", "order"], ["--jsn"], ["ordr"]], ids=["option in front", "option", "command"]
)
def test_wrong_usage_has_a_code_of_its_own(command, arguments):
    """A script can tell a slip of its own from a broken plugin."""
    assert command("plugins", *arguments).code == 2


def test_the_command_line_starts_without_torch():
    """It takes a second to import, and ``--help`` has no use for it."""
    code = "import sys; from cellmap_data.cli import build_app; build_app(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
