"""A volume small enough to write in a test."""

from __future__ import annotations

import pytest

from benchmarks import volume
from benchmarks.tasks import Task


@pytest.fixture(scope="session")
def small() -> Task:
    """Patches of 32^3 from a volume of 96^3."""
    return Task(patch=32, labels=2, size=96, chunk=32)


@pytest.fixture(scope="session")
def place(small, tmp_path_factory):
    """That volume."""
    return volume.make(tmp_path_factory.mktemp("bench"), small.size, small.labels, small.chunk)
