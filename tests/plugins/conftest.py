"""Installed distributions, as far as Python's metadata goes."""

from __future__ import annotations

import sys

import pytest

MODULE = """
from cellmap_data.errors import ConfigurationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin

class Adds(DataLoaderPlugin):
    def __init__(self, word="word", other="", priority=0):
        super().__init__("its own name", priority)
        if word == "bad":
            raise ConfigurationError("no bad words")
        self.word = word + other

    def get_hook_methods(self):
        return {"post_sample": "add"}

    def add(self, sample):
        return [*sample, self.word]

class Fails:
    @hookimpl
    def post_sample(self):
        raise ValueError("boom")

ready = Adds("ready")

def make(word="made"):
    return Adds(word)

@hookimpl
def post_sample(sample):
    return [*sample, "module"]
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No plugins but those a test asks for."""
    for name in ("CELLMAP_DATA_PLUGINS", "CELLMAP_DATA_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay out an installed distribution with one module and its entry points."""

    def install(distribution, entry_points, module=MODULE, version="1.2"):
        folder = tmp_path / distribution
        info = folder / f"{distribution}-{version}.dist-info"
        info.mkdir(parents=True)
        (folder / f"{distribution}_code.py").write_text(module)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {distribution}_code{value}" for name, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[cellmap_data.plugins]", *lines]))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, f"{distribution}_code", raising=False)

    return install


@pytest.fixture
def acme(install):
    entry_points = {
        "class": ":Adds",
        "object": ":ready",
        "function": ":make",
        "module": "",
        "fails": ":Fails",
    }
    install("acme", {f"acme.{name}": value for name, value in entry_points.items()})
