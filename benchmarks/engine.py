"""Is the engine fast: its own cost against a stock DataLoader, real patches against the earlier package.

``make bench`` runs it. The earlier package needs zarr 2 and torchvision and so an environment of its own,
which ``make bench-peers`` makes; without it those rows are left out, and the output says so. Contenders run
in processes of their own, in turns (A B A B ...); figures are medians over rounds, ratios within one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import torch
from torch.utils.data import DataLoader

from benchmarks import volume
from cellmap_data import CellMapDataLoader, EnhancedCellMapDataLoader

ROOT = Path(__file__).parents[1]
PEER = ROOT / ".venv-peer" / "bin" / "python"


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


class Contender:
    """A process of benchmarks/contender.py."""

    def __init__(self, name: str, python: Path | str, **options: object) -> None:
        self.name = name
        flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        command = [str(python), str(ROOT / "benchmarks" / "contender.py"), *flags]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answers: list[dict[str, object]] = []
        self.peak = 0
        self._read()

    def round(self, batches: int) -> None:
        """Deliver some batches and keep what it says of them."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{batches}\n")
        self.process.stdin.flush()
        watch = threading.Timer(
            0.5, self._weigh
        )  # in mid-round, from outside, so that it costs next to nothing
        watch.start()
        self.answers.append(self._read())
        watch.join()

    def _weigh(self) -> None:
        """Keep the largest memory of the process tree seen; pages that processes share count once."""
        tree = [psutil.Process(self.process.pid)]
        tree += tree[0].children(recursive=True)
        self.peak = max(self.peak, sum(process.memory_full_info().pss for process in tree))

    def _read(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with code {self.process.wait()}")
        return json.loads(line)

    def median(self, key: str) -> float:
        """The median of one figure over the rounds."""
        return statistics.median(float(answer[key]) for answer in self.answers)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def patches(folder: Path, rounds: int, batches: int, peer: Path) -> list[list[str]]:
    """Random patches of 128^3, raw and 3 classes, batches of 2."""
    plans = [
        ("native dtype, threads", sys.executable, {"kind": "native", "workers": 0}),
        ("native dtype, 2 workers", sys.executable, {"kind": "native", "workers": 2}),
        ("float32, threads", sys.executable, {"kind": "ours", "workers": 0}),
        ("float32, 2 workers", sys.executable, {"kind": "ours", "workers": 2}),
    ]
    if peer.exists():
        plans += [
            ("earlier package, 0 workers", peer, {"kind": "earlier", "workers": 0}),
            ("earlier package, 2 workers", peer, {"kind": "earlier", "workers": 2}),
        ]
    rows = []
    groups = [plans[:2] + plans[4:], plans[2:]] if peer.exists() else [plans]
    for group in groups:
        contenders = [Contender(name, python, folder=folder, **options) for name, python, options in group]
        for _ in range(rounds):
            for contender in contenders:
                contender.round(batches)
        check_alike(contenders)
        earlier = [c.median("rate") for c in contenders if c.name.startswith("earlier")]
        best = max(earlier, default=1.0)
        for contender in contenders:
            rate = contender.median("rate")
            rows.append(
                [contender.name, f"{rate:.1f}", f"{contender.median('cpu_ms'):.1f}",
                 f"{contender.peak / 2**20:.0f}", f"{rate / best:.1f} x" if earlier else "-"]
            )  # fmt: skip
            contender.close()
    if not peer.exists():
        print(f"left out: the earlier package, for there is no {peer}; `make bench-peers` makes it")
    return rows


def check_alike(contenders: list[Contender]) -> None:
    """Stop when contenders do not deliver the same thing: shapes, and the mean of raw to within a tenth."""
    first, *others = [contender.answers[-1] for contender in contenders]
    for other in others:
        shapes = [{key: answer["shapes"][key] for key in ("raw", "labels")} for answer in (first, other)]  # type: ignore[index]
        if shapes[0] != shapes[1] or not 0.9 < float(first["mean"]) / float(other["mean"]) < 1.1:  # type: ignore[arg-type]
            raise SystemExit(f"contenders deliver different data: {first}, {other}")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def main() -> None:
    """Run both parts and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm/cellmap-data-bench"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=40, help="batches of a round")
    parser.add_argument("--peer", type=Path, default=PEER, help="python of the earlier package's environment")
    args = parser.parse_args()
    print(table(["loader", "workers", "batches/s", "us/batch", "of stock"], overhead(args.rounds, 2000)))
    print()
    volume.make(args.folder)
    rows = patches(args.folder, args.rounds, args.batches, args.peer)
    print(table(["128^3, raw + 3", "samples/s", "CPU ms/sample", "peak MiB", "of earlier's best"], rows))


if __name__ == "__main__":
    main()
