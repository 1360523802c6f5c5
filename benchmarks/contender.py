"""One contender of a benchmark: a process that delivers batches when told to, and says how fast.

It reads commands from standard input, one number of batches a line, and answers each with a line of JSON:
samples per second, CPU milliseconds per sample, the shapes of the last batch and the mean of its raw data.
The file runs with this package and with the earlier one, so it imports nothing of either before it knows
which it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import psutil
import torch

SPEC = argparse.ArgumentParser()
SPEC.add_argument("--kind", choices=["ours", "native", "earlier"], required=True)
SPEC.add_argument("--folder", type=Path, required=True)
SPEC.add_argument("--classes", type=int, default=3)
SPEC.add_argument("--patch", type=int, default=128)
SPEC.add_argument("--batch", type=int, default=2)
SPEC.add_argument("--workers", type=int, default=0)
SPEC.add_argument("--cache", type=int, default=0, help="bytes of decoded chunks to keep")


def make_loader(args):
    """The loader of a contender, endless for all practical purposes."""
    import cellmap_data

    classes = [f"class{n:02d}" for n in range(args.classes)]
    arrays = {"shape": (args.patch,) * 3, "scale": (8, 8, 8)}
    target = f"{args.folder}/labels/[{','.join(classes)}]"
    options = {"dtype": "native"} if args.kind == "native" else {}
    if args.kind != "earlier":
        from cellmap_data import storage

        storage.set_cache_budget(args.cache)
    dataset = cellmap_data.CellMapDataset(
        str(args.folder / "raw"), target, classes, {"raw": arrays}, {"labels": arrays}, **options
    )
    common = {"batch_size": args.batch, "num_workers": args.workers, "is_train": True}
    if args.workers:
        common["persistent_workers"] = True
    if args.kind in ("ours", "native"):
        return cellmap_data.EnhancedCellMapDataLoader(dataset, device="cpu", **common)
    return cellmap_data.CellMapDataLoader(dataset, device="cpu", iterations_per_epoch=10**5, **common)


def cpu_seconds():
    """CPU time of the process tree so far."""
    me = psutil.Process()
    total = 0.0
    for process in [me, *me.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def main():
    """Serve rounds until standard input ends."""
    args = SPEC.parse_args()
    loader = make_loader(args)
    batches = iter(loader)
    batch = next(batches)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        count = int(line)
        began, used = time.perf_counter(), cpu_seconds()
        for _ in range(count):
            batch = next(batches)
        wall, used = time.perf_counter() - began, cpu_seconds() - used
        key = "raw" if "raw" in batch else next(iter(batch))
        answer = {
            "rate": count * args.batch / wall,
            "cpu_ms": 1e3 * used / (count * args.batch),
            "shapes": {k: list(v.shape) for k, v in batch.items() if isinstance(v, torch.Tensor)},
            "mean": float(batch[key].float().nanmean()),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
