"""Predict a volume with a model that gives back its input, and write it: seconds and CPU seconds, once.

``ours`` and ``earlier`` are the packages with their writers; ``bare`` is a loop over tensorstore with four
blocks under way, which is what their work comes down to. This file imports none of them before it knows
which.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections import deque
from itertools import product
from types import SimpleNamespace


def ours(task):
    """The writer's own loop."""
    writer = writer_of(task, dtype="uint8")
    writer.predict(lambda batch: batch, batch_size=task.batch, num_workers=task.workers, progress=False)


def earlier(task):
    """The loop of its documentation."""
    writer = writer_of(task)
    for batch in writer.loader(batch_size=task.batch, num_workers=task.workers):
        writer[batch["idx"]] = {"out": batch["raw"]}


def writer_of(task, **options):
    """The writer of either package."""
    from cellmap_data import CellMapDatasetWriter

    array = {"shape": (task.patch,) * 3, "scale": (8.0,) * 3}
    bounds = dict.fromkeys("zyx", (-4.0, 8.0 * task.size - 4.0))
    return CellMapDatasetWriter(
        f"{task.place}/raw", task.out, ["out"], {"raw": array}, {"out": array}, {"out": bounds}, **options
    )


def bare(task):
    """Read a block, write a block."""
    import tensorstore

    source = opened(tensorstore, f"{task.place}/raw/s0")
    metadata = {"shape": [task.size] * 3, "chunks": [task.patch] * 3, "dtype": "|u1"}
    metadata["compressor"] = {"id": "zstd", "level": 1}
    target = opened(tensorstore, f"{task.out}/out/s0", metadata=metadata, create=True)
    pending = deque()
    for corner in product(range(0, task.size, task.patch), repeat=3):
        block = tuple(slice(first, first + task.patch) for first in corner)
        pending.append(target[block].write(source[block].read().result()))
        if len(pending) > 4:
            pending.popleft().result()
    for write in pending:
        write.result()


def opened(tensorstore, path, **options):
    """An array of zarr v2."""
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": path}, **options}
    return tensorstore.open(spec).result()


def main():
    """Run the task of the command line."""
    task = SimpleNamespace(**json.loads(sys.argv[1]))
    predict, package = {
        "ours": (ours, "cellmap_data.dataset_writer"),
        "earlier": (earlier, "cellmap_data"),
        "bare": (bare, "tensorstore"),
    }[task.kind]
    importlib.import_module(package)  # before the clock starts
    began, used = time.perf_counter(), cpu_seconds()
    predict(task)
    seconds, used = time.perf_counter() - began, cpu_seconds() - used
    print(json.dumps({"seconds": seconds, "cpu": used}))


def cpu_seconds():
    """CPU time of this process, and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
