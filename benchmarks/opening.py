"""One contender of benchmarks/crops.py: opens thousands of crops, and says what that cost.

It prints one line of JSON. The file runs with this package and with the earlier one, so it imports nothing of
either before it knows which it is.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
import tracemalloc

import psutil

SPEC = argparse.ArgumentParser(description=__doc__)
SPEC.add_argument("--kind", choices=["ours", "earlier"], required=True)
SPEC.add_argument("--workers", type=int, default=0)
SPEC.add_argument("--patch", type=int, default=32, help="voxels along each axis of a patch")
SPEC.add_argument(
    "--count", action="store_true", help="count opened files and bytes of Python, which is slow"
)
SPEC.add_argument("--samples", type=int, default=0, help="samples to read, after which memory is looked at")
SPEC.add_argument("--native", action="store_true", help="deliver values as they are stored")
SPEC.add_argument("--cache", type=int, default=None, help="bytes of decoded chunks to keep")
SPEC.add_argument("--one-heap", action="store_true", help="let all threads allocate from one heap")


def main():
    """Open the crops listed on standard input as lines of raw path and target path."""
    args, rows = SPEC.parse_args(), [line.split() for line in sys.stdin]
    import cellmap_data
    from cellmap_data import CellMapDataset, CellMapMultiDataset

    if args.one_heap:
        cellmap_data.storage.use_one_heap()
    if args.cache is not None:
        cellmap_data.storage.set_cache_budget(args.cache)
    classes = rows[0][1].split("[")[1].rstrip("]").split(",")
    array = {"shape": (args.patch,) * 3, "scale": (8,) * 3}
    inputs, targets = {"raw": array}, {"labels": array}
    options = {"dtype": "native"} if args.native else {}
    answer, meter = {}, Meter(args.count)
    crops = [CellMapDataset(raw, target, classes, inputs, targets, **options) for raw, target in rows]
    dataset = CellMapMultiDataset(crops, classes, inputs, targets)
    answer["construct"] = meter.lap()
    answer["positions"] = len(dataset)
    answer["len"] = meter.lap()
    if not args.workers:  # pickling is no part of the way to the first batch of workers
        answer["pickled"] = len(pickle.dumps(dataset))
        answer["pickling"] = meter.lap()
    batches = iter(make_loader(args, cellmap_data, dataset))
    answer["loader"] = meter.lap()
    next(batches)
    answer["batch"] = meter.lap()
    answer["memory"] = memory_over(batches, args.samples)
    print(json.dumps(answer), flush=True)


def make_loader(args, package, dataset):
    """A loader of batches of 4 in random order."""
    if args.kind == "earlier":
        return package.CellMapDataLoader(
            dataset, batch_size=4, num_workers=args.workers, device="cpu", iterations_per_epoch=10**5
        )
    return package.EnhancedCellMapDataLoader(dataset, batch_size=4, num_workers=args.workers, device="cpu")


class Meter:
    """Seconds, MiB of resident memory, MiB of Python objects and opened files since the last look."""

    def __init__(self, count):
        self.count, self.opened = count, 0
        if count:
            sys.addaudithook(self._hear)
            tracemalloc.start()
        self.before = self._now()

    def _hear(self, event, _):
        self.opened += event == "open"

    def _now(self):
        traced = tracemalloc.get_traced_memory()[0] if self.count else 0
        return time.perf_counter(), resident(), traced / 2**20, self.opened

    def lap(self):
        """What it cost since the last look."""
        now = self._now()
        names = ("seconds", "resident", "traced", "opened")
        lap = {name: new - old for name, new, old in zip(names, now, self.before, strict=True)}
        self.before = self._now()
        return lap


def resident():
    """MiB of memory of this process."""
    return psutil.Process().memory_info().rss / 2**20


def memory_over(batches, samples):
    """MiB of this process at ten times while so many samples are read."""
    curve = []
    for number in range(samples // 4):
        next(batches)
        if (number + 1) % (samples // 40) == 0:
            curve.append(resident())
    return curve


if __name__ == "__main__":
    main()
