"""Read the metadata of many datasets, as many at a time as pays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from cellmap_data.errors import StoreError

_MOST = 16
_PROBES = 4


class Verified(Protocol):
    """Something whose metadata is read by asking whether it is right."""

    def verify(self) -> bool:
        """Read the metadata, unless that was done; StoreError if it cannot be used."""


def read_metadata(datasets: Sequence[Verified]) -> list[StoreError]:
    """Read the metadata of all datasets, and say what is wrong with those that cannot be used, in order."""
    return [fault for fault in find_faults(datasets) if fault is not None]


def find_faults(datasets: Sequence[Verified]) -> list[StoreError | None]:
    """Read the metadata of all datasets.

    A few, spread over all of them, are read first, one after the other. They tell how much of the time is
    spent waiting for files: on a cluster file system each is a round trip and many threads are faster; from
    the page cache there is only Python to run, and threads that hand its lock to each other after every file
    are nearly three times slower than one.

    Parameters
    ----------
    datasets : sequence
        Any number.

    Returns
    -------
    list of StoreError or None
        For each dataset what is wrong with it; None for those that can be used.
    """
    if not datasets:
        return []
    probes = range(0, len(datasets), -(-len(datasets) // _PROBES))
    began, worked = time.perf_counter(), time.thread_time()
    faults = {i: _fault(datasets[i]) for i in probes}
    at_once = threads_for(time.perf_counter() - began, time.thread_time() - worked)
    rest = [i for i in range(len(datasets)) if i not in faults]
    with ThreadPoolExecutor(at_once) as pool:
        faults |= zip(rest, pool.map(lambda i: _fault(datasets[i]), rest), strict=True)
    return [faults[i] for i in range(len(datasets))]


def threads_for(took: float, worked: float) -> int:
    """How many threads keep one core busy.

    Parameters
    ----------
    took, worked : float
        Seconds that one thread took for something, and the processor time of it.
    """
    return min(_MOST, max(1, round(took / worked))) if worked else _MOST


def _fault(dataset: Verified) -> StoreError | None:
    try:
        dataset.verify()
    except StoreError as error:
        return error
    return None
