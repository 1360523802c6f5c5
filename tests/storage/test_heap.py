"""What the C library is told about memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, io, os, sys, threading
import numpy
from cellmap_data.storage import use_one_heap
if sys.argv[1] == "one":
    assert use_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
together = threading.Barrier(6)
def allocate():
    together.wait()
    libc.malloc(5000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fdopen.restype = ctypes.c_void_p
libc.fflush.argtypes = [ctypes.c_void_p]
out = libc.fdopen(os.dup(1), b"w")
libc.malloc_info(0, out)
libc.fflush(out)
"""


def heaps(which: str) -> int:
    """How many heaps a process has after six threads have allocated at the same time."""
    command = [sys.executable, "-c", HEAPS, which]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"OPENBLAS_NUM_THREADS": "1"}
    )
    return told.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap for each thread")
def test_threads_share_a_heap_where_that_is_asked_for() -> None:
    """use_one_heap() keeps threads from making heaps of their own, which they do otherwise."""
    assert heaps("own") > heaps("one") <= 2


KEPT = """
import resource
import numpy as np
from cellmap_data.storage import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(1 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert keep_freed_memory()
faults()
assert faults() < 50, "pages of freed memory came back from the system"
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_is_kept() -> None:
    """A process that was told to keep what it frees does not ask the system for it again."""
    subprocess.run([sys.executable, "-c", KEPT], check=True)
