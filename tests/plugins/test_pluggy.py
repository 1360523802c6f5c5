"""Which pluggy the plugins run on here."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pluggy
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
EXPECTED = os.environ.get("CELLMAP_DATA_EXPECT_PLUGGY", "")


def required():
    """What the project says about pluggy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (found,) = (each for each in map(Requirement, project["dependencies"]) if each.name == "pluggy")
    return found.specifier


def test_this_pluggy_is_allowed():
    """The requirement of the project covers what these tests run on."""
    assert pluggy.__version__ in required()


@pytest.mark.skipif(not EXPECTED, reason="only 'make oldest' says which pluggy to expect")
def test_this_pluggy_is_the_oldest():
    """The tests run on the version that was put in front, and no older one is promised."""
    assert pluggy.__version__ == EXPECTED
    assert [Version(each.version) for each in required()] == [Version(EXPECTED)]
