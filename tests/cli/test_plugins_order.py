"""``cellmap-data plugins order``: who is called when, and why."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from cellmap_data.plugins import build_manager
from cellmap_data.plugins.selection import DEFAULT_PLUGINS

WISHES = """
from cellmap_data.hookspecs import hookimpl

class Early:
    before = "augmentation", "augmentatoin"

    @hookimpl
    def post_sample(self, sample):
        return sample

class Late(Early):
    before = "wishes.later"

class Later(Early):
    before = "wishes.late"
"""


@pytest.fixture(autouse=True)
def wishes(install):
    install("wishes", {f"wishes.{name.lower()}": f":{name}" for name in ("Early", "Late", "Later")}, WISHES)


def order_of(command, *names):
    return json.loads(command("plugins", "order", *names, "--json").out)


@pytest.mark.parametrize(
    "names",
    [[], ["wishes.early"], ["no:prefetch", "acme.class", "acme.object"]],
    ids=["default", "a wish", "one left out, two more"],
)
@pytest.mark.usefixtures("acme")
def test_the_order_is_that_of_a_loader(command, monkeypatch, names):
    """Default plugins, the names given, and those of the environment, with the manager's own reasons."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "acme.module")
    report = asdict(build_manager([*DEFAULT_PLUGINS, *names]).order_report())
    assert order_of(command, *names) == json.loads(json.dumps(report))
    assert command("plugins", "order", *names).code == 0


def test_the_order_is_explained(command):
    """A table for each hook that is answered; wishes about absent plugins are below."""
    code, out, _ = command("plugins", "order", "wishes.early")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    start = lines.index(["post_sample"])
    assert lines[start + 2 : start + 4] == [
        ["1", "wishes.early", "wishes", "1.2", "0", "before", "'augmentation'"],
        ["2", "augmentation", *lines[start + 3][2:4], "50", "number", "50"],
    ]
    assert "'wishes.early' says before='augmentatoin'" in out
    assert "did you mean 'augmentation'?" in out
    assert "open_array" not in out


@pytest.mark.parametrize("columns", [30, 80])
def test_a_narrow_terminal_cuts_nothing(command, monkeypatch, columns):
    """Cells go on below."""
    wide = command("plugins", "order", "wishes.early").out
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = command("plugins", "order", "wishes.early").out
    assert sorted(narrow.replace(" ", "").replace("\n", "")) == sorted(
        wide.replace(" ", "").replace("\n", "")
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param(["wishes.erly"], "did you mean 'wishes.early'?", id="unknown"),
        pytest.param(["wishes.late", "wishes.later"], "closes a circle", id="circle"),
    ],
)
def test_without_an_order_there_is_an_error(command, names, words):
    """On stderr, nothing on stdout."""
    code, out, err = command("plugins", "order", *names)
    assert (code, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


def test_nothing_is_called_when_plugins_are_switched_off(command, monkeypatch):
    """It says so."""
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", "1")
    done = command("plugins", "order")
    assert (done.code, done.out) == (0, "CELLMAP_DATA_DISABLE_PLUGINS is set: no loader has plugins.\n")
    assert not any(order_of(command)["hooks"].values())
