"""What drawing positions costs: seconds to begin, draws a second, memory, for any number of positions.

Each row is a process of its own. The peers are torch's samplers, at the largest number of positions that this
machine holds for them; ours are at that number too, and at 10^10.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

DRAWS = 200_000
CROPS, CLASSES = 2_000, 48
SMALL, LARGE = 10**8, 10**10


class Crops:
    """Two thousand crops of equal size, each annotating a few of 48 classes."""

    def __init__(self, positions: int) -> None:
        self.crop_sizes = [positions // CROPS] * CROPS

    def __len__(self) -> int:
        return sum(self.crop_sizes)

    def get_crop_class_matrix(self) -> object:
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


SAMPLERS: dict[str, tuple[Callable[[int], Iterator[int]], tuple[int, ...]]] = {
    "torch RandomSampler": (torch_permutation, (SMALL,)),
    "torch WeightedRandomSampler": (torch_weighted, (2**24,)),
    "UniformSampler": (uniform, (SMALL, LARGE)),
    "WeightedSampler, 2,000 crops": (weighted, (2**24, LARGE)),
    "ClassBalancedSampler, 2,000 crops, 48 classes": (balanced, (SMALL, LARGE)),
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


def main() -> None:
    """Print the table."""
    print(f"CPU seconds; {DRAWS:,} draws after the first, in Python, index by index.\n")
    print("| sampler | positions | first index, ms | draws/s | MiB more than before |\n|---|---|---|---|---|")
    for name, (_, sizes) in SAMPLERS.items():
        for positions in sizes:
            command = [sys.executable, "-m", "benchmarks.sampling", name, str(positions)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(done.stdout)
            figures = f"{row['first'] * 1e3:,.1f} | {row['rate']:,.0f} | {row['mib']:,.0f}"
            print(f"| {name} | {positions:,} | {figures} |")


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else main()
