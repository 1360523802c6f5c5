"""The memory for decoded chunks."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.storage import cache_budget, set_cache_budget
from tests.volumes import write_multiscale


@pytest.fixture
def default_budget():
    yield
    set_cache_budget(None)


@pytest.mark.usefixtures("default_budget")
def test_the_budget_can_be_set() -> None:
    """A budget holds until the default is asked for again."""
    set_cache_budget(1000)
    assert cache_budget() == 1000
    set_cache_budget(None)
    assert 0 < cache_budget() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8


@pytest.mark.usefixtures("default_budget")
@pytest.mark.parametrize("given", [-1, "1GB", 1.5, math.nan, True], ids=repr)
def test_what_is_no_number_of_bytes_is_refused(given) -> None:
    """A budget counts bytes: anything else is an error that says how to write one, and changes nothing."""
    set_cache_budget(np.int64(4096))
    with pytest.raises(ConfigurationError, match=r"(?s)budget.*an int from 0 on.*1 << 30 is a GiB"):
        set_cache_budget(given)
    assert cache_budget() == 4096


def test_the_budget_bounds_the_memory_of_a_process(tmp_path) -> None:
    """Reading far more than the budget, from many arrays, does not grow the process by more than it."""
    rng = np.random.default_rng(0)
    for i in range(12):
        values = rng.integers(0, 256, (128, 256, 256), dtype=np.uint8)  # 8 MB each
        write_multiscale(tmp_path / str(i), values, chunks=(64, 64, 64))
    script = (
        "import resource, sys\n"
        "from cellmap_data.storage import open_array, set_cache_budget\n"
        "set_cache_budget(16_000_000)\n"
        "readers = [open_array(f'{sys.argv[1]}/{i}/s0') for i in range(12)]\n"
        "def read(reader):\n"
        "    for z in range(0, 128, 32):\n"
        "        reader.read((slice(z, z + 32), slice(0, 256), slice(0, 256)))\n"
        "read(readers[0])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for reader in readers:\n"
        "    read(reader)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "assert grown < 40_000, f'{grown} kB'\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_who_takes_the_shared_context_reads() -> None:
    """A reader of a plugin counts as one of ours: the process is known not to be fit to fork."""
    script = (
        "from cellmap_data.storage import live_reader, shared_context\n"
        "assert not live_reader()\n"
        "assert shared_context() is shared_context() and live_reader()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
