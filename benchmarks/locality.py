"""Several patches of a window before moving on: what is decoded, and how fast, against random places.

``make bench`` runs it. Contenders take turns (A B A B ...) in one process with two threads that read, and
begin each round with an empty cache. Figures are medians over rounds, ratios to random places without one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from benchmarks import volume
from benchmarks.hooks import dataset_of
from benchmarks.results import table
from cellmap_data import EnhancedCellMapDataLoader, storage

BATCH = 4
CACHE = 300 << 20
CONTENDERS = {
    "random places, no cache": (0, {}),
    "random places": (CACHE, {}),
    "8 of each window, 4 in turn": (CACHE, {"patches_per_window": 8}),
    "16 of each window, 4 in turn": (CACHE, {"patches_per_window": 16}),
    "8 of each window, 1 in turn": (CACHE // 4, {"patches_per_window": 8, "windows_at_once": 1}),
}


def loader_of(folder: Path, batches: int, **options: object) -> EnhancedCellMapDataLoader:
    """Patches of 128^3, raw and 3 classes, as they are stored."""
    dataset = dataset_of(folder, 128, dtype="native", seed=1)
    return EnhancedCellMapDataLoader(
        dataset, batch_size=BATCH, device="cpu", iterations_per_epoch=batches, **options
    )


def measure(folder: Path, rounds: int, batches: int) -> list[list[str]]:
    """The rows of the table."""
    loaders, rates, cpu = {}, {}, {}
    for name, (_, options) in CONTENDERS.items():
        loaders[name] = loader_of(folder, batches, **options)
        for _ in loaders[name]:  # opens arrays, loads compiled code
            pass
        loaders[name].refresh()
        rates[name], cpu[name] = [], []
    for _ in range(rounds):
        for name, loader in loaders.items():
            storage.set_cache_budget(0)  # lets go of what others have left
            storage.set_cache_budget(CONTENDERS[name][0])
            began, cpu_began = time.perf_counter(), time.process_time()
            count = sum(len(batch["idx"]) for batch in loader)
            rates[name].append(count / (time.perf_counter() - began))
            cpu[name].append((time.process_time() - cpu_began) / count * 1e3)
    base, *_ = rates.values()
    rows = []
    for name, loader in loaders.items():
        traffic = loader.report().traffic
        faster = statistics.median(a / b for a, b in zip(rates[name], base, strict=True))
        rows.append(
            [name, f"{CONTENDERS[name][0] >> 20}", f"{traffic.amplification:.2f}", f"{traffic.hit_share:.0%}",
             f"{statistics.median(cpu[name]):.1f}", f"{statistics.median(rates[name]):.0f}", f"{faster:.2f}"]
        )  # fmt: skip
        loader.close()
    return rows


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=volume.FOLDER)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=40, help="batches of a round")
    args = parser.parse_args()
    rows = measure(volume.make(args.folder), args.rounds, args.batches)
    head = [
        "128^3, raw + 3, native",
        "cache MiB",
        "decoded/used",
        "hits",
        "CPU ms/sample",
        "samples/s",
        "ratio",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
