"""What the engine itself costs: a dataset that costs nothing, against a stock DataLoader.

``make bench`` runs it. Loaders take turns (A B A B ...) in one process; figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch.utils.data import DataLoader

from benchmarks.results import table
from cellmap_data import CellMapDataLoader, EnhancedCellMapDataLoader


class Nothing:
    """A dataset that costs nothing: what remains is the loader."""

    sample = {"x": torch.zeros(16)}

    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        return self.sample

    def __getitems__(self, indices):
        return [self.sample] * len(indices)


def overhead(rounds: int, batches: int) -> list[list[str]]:
    """Batches per second with the dataset that costs nothing."""
    contenders = {
        "stock DataLoader": lambda workers: DataLoader(Nothing(), 4, shuffle=False, num_workers=workers),
        "CellMapDataLoader": lambda workers: CellMapDataLoader(Nothing(), batch_size=4, num_workers=workers),
        "EnhancedCellMapDataLoader": lambda workers: EnhancedCellMapDataLoader(
            Nothing(), batch_size=4, num_workers=workers, device="cpu"
        ),
    }
    rows = []
    for workers in (0, 2):
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, make in contenders.items():
                rates[name].append(_rate(make(workers), batches))
        stock = statistics.median(rates["stock DataLoader"])
        for name, values in rates.items():
            median = statistics.median(values)
            rows.append(
                [name, str(workers), f"{median:,.0f}", f"{1e6 / median:,.0f}", f"{median / stock:.2f}"]
            )
    return rows


def _rate(loader, batches: int) -> float:
    iterator = iter(loader)
    for _ in range(50):
        next(iterator)
    began = time.perf_counter()
    for _ in range(batches):
        next(iterator)
    return batches / (time.perf_counter() - began)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print(table(["loader", "workers", "batches/s", "us/batch", "of stock"], overhead(args.rounds, 2000)))


if __name__ == "__main__":
    main()
