"""Which installed plugins are imported, seen from a fresh process: those that are asked for, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBERS = ("one", "two", "three")
MODULE = """
from cellmap_data.hookspecs import hookimpl

with open({log!r}, "a") as log:
    log.write({number!r} + " ")

class Plugin:
    @hookimpl
    def post_batch(self): ...
"""
LOADER = "from cellmap_data import EnhancedCellMapDataLoader\nfrom tests.toy import Toy\n"


@pytest.fixture
def imported(install, tmp_path):
    """Runs a program beside three installed plugins and says which of these it imported."""
    log = tmp_path / "imported"
    log.touch()
    for number in NUMBERS:
        body = MODULE.format(log=str(log), number=number)
        install(f"acme_{number}", {f"{number}.plugin": ":Plugin"}, module=body)
    path = [ROOT, *(tmp_path / f"acme_{number}" for number in NUMBERS)]

    def imported(program, **environment):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **environment}
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, cwd=tmp_path)
        return log.read_text().split()

    return imported


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        (["two.plugin"], ["two"]),
        (["acme-two"], ["two"]),
        (["no:two.plugin"], []),
        (["two.plugin", "no:acme-two", "one.plugin"], ["one"]),
    ],
    ids=["by its name", "by its distribution", "left out", "named and left out"],
)
def test_a_loader_imports_what_is_enabled(imported, plugins, expected):
    """Selection first, import second."""
    assert imported(f"{LOADER}EnhancedCellMapDataLoader(Toy(), plugins={plugins!r})") == expected


def test_with_all_plugins_off_a_loader_imports_none(imported):
    """Named by the program and by the environment."""
    names = {"CELLMAP_DATA_PLUGINS": "acme-two", "CELLMAP_DATA_DISABLE_PLUGINS": "1"}
    assert imported(f"{LOADER}EnhancedCellMapDataLoader(Toy(), plugins=['one.plugin'])", **names) == []


@pytest.mark.parametrize(
    "program",
    ["import cellmap_data.plugins", "from cellmap_data.cli import build_app\nbuild_app()"],
    ids=["package", "command line"],
)
def test_what_enables_nothing_imports_nothing(imported, program):
    """However many plugins are installed."""
    assert imported(program) == []
