"""What drawing positions costs: seconds to begin, draws a second, memory, for any number of positions.

Each row is a process of its own. The peers are torch's samplers, at the largest number of positions that this
machine holds for them; ours are at that number too, and at 10^10.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DRAWS = 200_000
CROPS, CLASSES = 2_000, 48
SMALL, LARGE = 10**8, 10**10


class Crops:
    """Two thousand crops of equal size, each annotating a few of 48 classes."""

    def __init__(self, positions: int) -> None:
        self.crop_sizes = [positions // CROPS] * CROPS

    def __len__(self) -> int:
        return sum(self.crop_sizes)

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return [f"class{number}" for number in range(CLASSES)]

    def foreground(self, block: int) -> object:  # noqa: ARG002 - no labels are looked at
        """A hundred blocks of each class that a crop annotates."""
        import numpy as np

        from cellmap_data.sampler import Sightings

        edge = round(self.crop_sizes[0] ** (1 / 3))
        rng, counts = np.random.default_rng(0), (edge, edge, self.crop_sizes[0] // edge**2)

        def some() -> Sightings:
            first = rng.integers(0, [n // 2 for n in counts], (100, 3))
            return Sightings(rng.integers(1, 1000, 100), first, np.full((100, 3), edge // 4))

        matrix = self.get_crop_class_matrix()
        return [(counts, {self.classes[c]: some() for c in np.flatnonzero(row)}) for row in matrix]

    def get_crop_class_matrix(self) -> Any:
        """Each class in about one crop of eight."""
        import numpy as np

        return np.random.default_rng(0).random((CROPS, CLASSES)) < 1 / 8


def torch_permutation(positions: int) -> Iterator[int]:
    """Torch's ``RandomSampler``: a permutation of all positions."""
    from torch.utils.data import RandomSampler

    return iter(RandomSampler(range(positions)))


def torch_weighted(positions: int) -> Iterator[int]:
    """Torch's ``WeightedRandomSampler``: a weight for each position, of which it takes no more than 2^24."""
    import torch
    from torch.utils.data import WeightedRandomSampler

    return iter(WeightedRandomSampler(torch.ones(positions, dtype=torch.float64), DRAWS))


def uniform(positions: int) -> Iterator[int]:
    """Every position once, shuffled."""
    from cellmap_data.sampler import UniformSampler

    return iter(UniformSampler(positions, seed=1))


def weighted(positions: int) -> Iterator[int]:
    """Crops by their shares, positions in them evenly."""
    from cellmap_data.sampler import WeightedSampler

    crops = Crops(positions)
    return iter(WeightedSampler(crops.crop_sizes, range(1, CROPS + 1), seed=1))


def balanced(positions: int) -> Iterator[int]:
    """The least seen of 48 classes."""
    from cellmap_data.sampler import ClassBalancedSampler

    return iter(ClassBalancedSampler(Crops(positions), seed=1))


def foreground(positions: int) -> Iterator[int]:
    """Seven of ten draws show one of 48 classes."""
    from cellmap_data.sampler import ForegroundSampler

    return iter(ForegroundSampler(Crops(positions), seed=1))


SAMPLERS: dict[str, tuple[Callable[[int], Iterator[int]], tuple[int, ...]]] = {
    "torch RandomSampler": (torch_permutation, (SMALL,)),
    "torch WeightedRandomSampler": (torch_weighted, (2**24,)),
    "UniformSampler": (uniform, (SMALL, LARGE)),
    "WeightedSampler, 2,000 crops": (weighted, (2**24, LARGE)),
    "ClassBalancedSampler, 2,000 crops, 48 classes": (balanced, (SMALL, LARGE)),
    "ForegroundSampler, 1.2 million blocks of 48 classes": (foreground, (SMALL, LARGE)),
}


def measure(name: str, positions: int) -> None:
    """Print what one sampler costs in this process, as JSON."""
    import cellmap_data.sampler  # noqa: F401 - what importing costs is not what drawing costs

    list(itertools.islice(uniform(10), 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    indices = SAMPLERS[name][0](positions)
    next(indices)
    begun = time.process_time()
    count = sum(1 for _ in itertools.islice(indices, DRAWS - 1))
    seconds = time.process_time() - begun
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"first": begun - start, "rate": count / seconds, "mib": held / 1024}))


def search(folder: Path) -> str:
    """What it costs to find the blocks of three classes of a 512^3 crop, and to find them again."""
    import numpy as np

    from cellmap_data import CellMapDataset, ForegroundSampler
    from cellmap_data.testing import write_labels, write_volume

    os.environ["CELLMAP_DATA_CACHE_DIR"] = str(folder / "cache")
    rng, cube, array = np.random.default_rng(0), np.ones((8, 8, 8), np.uint8), {"shape": (64,) * 3}
    masks = {
        name: np.kron((rng.random((64, 64, 64)) < share).astype(np.uint8), cube)
        for name, share in (("frequent", 0.3), ("less", 0.05), ("rare", 0.001))
    }
    labels = write_labels(folder, masks, chunks=(64, 64, 64))
    raw = write_volume(folder / "raw", masks["frequent"], chunks=(64, 64, 64))
    array["scale"] = (8, 8, 8)
    dataset = CellMapDataset(raw, labels, list(masks), {"raw": array}, {"labels": array})
    dataset.verify()
    seconds = []
    for _ in range(2):
        start = time.process_time()
        blocks = ForegroundSampler(dataset).blocks
        seconds.append(time.process_time() - start)
    found, kept = seconds
    return f"{sum(blocks.values()):,} blocks: {found:.2f} s to find, {kept * 1e3:.0f} ms from the cache"


def main() -> None:
    """Print the table."""
    from benchmarks.results import table

    print(f"CPU seconds; {DRAWS:,} draws after the first, in Python, index by index.\n")
    rows = []
    for name, (_, sizes) in SAMPLERS.items():
        for positions in sizes:
            command = [sys.executable, "-m", "benchmarks.sampling", name, str(positions)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told = json.loads(done.stdout)
            figures = f"{told['first'] * 1e3:,.1f}", f"{told['rate']:,.0f}", f"{told['mib']:,.0f}"
            rows.append([name, f"{positions:,}", *figures])
    head = ["sampler", "positions", "first index, ms", "draws/s", "MiB more than before"]
    print(table(head, rows))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        print(f"\nThree classes of 512^3 voxels, {search(Path(folder))}")


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else main()
