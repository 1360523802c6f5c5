"""Plugin packages as their authors wrote them, built once for all tests of a process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.checkout import copy_checkout
from tests.packaging.environment import Environment, build_wheels

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of this project, and of each package in ``plugins/``."""
    sources = tmp_path_factory.mktemp("sources")
    packages = [project.parent for project in PLUGINS.glob("*/pyproject.toml")]
    copies = [shutil.copytree(package, sources / package.name) for package in packages]
    (sources / "project").mkdir()
    return build_wheels([copy_checkout(sources / "project"), *copies], tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Callable[..., Environment]:
    """Make a virtual environment and install packages there, this project among them."""

    def make_environment(*packages: str) -> Environment:
        environment = Environment(tmp_path_factory.mktemp("environment") / "venv", wheels)
        # The tests' own environment has this project as well, and pip would be content with that.
        environment.pip(" ".join(["pip install --ignore-installed cellmap-data", *packages]))
        return environment

    return make_environment
