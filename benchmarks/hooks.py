"""What hooks and the report cost: four plugins that do nothing, timing, the switch, counting what is read.

``make bench`` runs it. Contenders take turns (A B A B ...) in one process; figures are medians over
rounds. The peer is pluggy called as its documentation says, which has no chains, so its plugins pass on what
they are given.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pluggy
import torch

from benchmarks import volume
from benchmarks.results import table
from cellmap_data import CellMapDataset, storage
from cellmap_data.dataloader.board import Board
from cellmap_data.dataloader.finished import FinishedSamples
from cellmap_data.dataloader.profiling import lock_delay, profiled
from cellmap_data.dataset.traffic import Traffic
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import PluginManager
from cellmap_data.sampler import Draw, SampleIndex
from cellmap_data.spatial import Motion

PLUGINS = 4


class Identity:
    """Gives back what it gets."""

    @hookimpl
    def post_sample(self, sample, index, rng, is_train):  # noqa: ARG002 - asks for all there is
        return sample


def bare(sample, index, rng, is_train):
    """What the chain would be without plugins' names, times and checks."""
    for function in bare.functions:
        sample = function(sample, index, rng, is_train)
    return sample


bare.functions = [Identity().post_sample for _ in range(PLUGINS)]


def manager_of(count: int) -> PluginManager:
    """A manager with so many plugins that do nothing."""
    manager = PluginManager()
    for number in range(count):
        manager.register_plugin(Identity(), name=f"identity{number}")
    return manager


def pluggy_alone() -> pluggy.PluginManager:
    """The same plugins without cellmap_data around them."""
    marker = pluggy.HookspecMarker("cellmap_data")

    class Specs:
        @marker
        def post_sample(self, sample, index, rng, is_train): ...

        @marker(firstresult=True)
        def load_samples(self, dataset, indices): ...

    manager = pluggy.PluginManager("cellmap_data")
    manager.add_hookspecs(Specs)
    for number in range(PLUGINS):
        manager.register(Identity(), name=f"identity{number}")
    return manager


def calls() -> dict[str, Callable[[], object]]:
    """Row of the table -> what is called."""
    sample = {"raw": torch.zeros(1), "labels": torch.zeros(1)}
    rng, index = np.random.default_rng(0), SampleIndex(5, Draw(0, 0, 5))
    none, four, peer = manager_of(0), manager_of(PLUGINS), pluggy_alone()
    views = {count: FinishedSamples([], manager.relay, True) for count, manager in ((0, none), (4, four))}
    board = Board(PLUGINS)
    four.relay.publish(board)
    four.relay.follow(board)
    return {
        "chain of four plugins": lambda: four.relay.post_sample(sample, index, rng, True),
        "chain of none": lambda: none.relay.post_sample(sample, index, rng, True),
        "four bare functions, neither timed nor checked": lambda: bare(sample, index, rng, True),
        "peer: four plugins through pluggy alone": lambda: peer.hook.post_sample(
            sample=sample, index=index, rng=rng, is_train=True
        ),
        "a sample finished with four plugins (generator, copy of the dict, chain)": lambda: views[4].finish(
            sample, index
        ),
        "a sample finished without plugins": lambda: views[0].finish(sample, index),
        "the switch, as a worker looks at it before each batch": lambda: four.relay.follow(board),
        "first-result hook that nobody answers": lambda: four.relay.load_samples(None, ()),
        "peer: the same through pluggy alone": lambda: peer.hook.load_samples(dataset=None, indices=()),
        "chain of four plugins, and its times added up": lambda: (
            four.relay.post_sample(sample, index, rng, True),
            four.relay.take_account(),
        ),
    }


def measure(contenders: dict[str, Callable[[], object]], rounds: int, repeats: int) -> dict[str, float]:
    """Row -> median nanoseconds of a call, of CPU time: what else the machine does counts less."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.thread_time()
            for _ in range(repeats):
                call()
            times[name].append((time.thread_time() - began) / repeats * 1e9)
    empty = min(_empty(repeats) for _ in range(rounds))
    return {name: statistics.median(values) - empty for name, values in times.items()}


def _empty(repeats: int) -> float:
    nothing = lambda: None  # noqa: E731 - what the loop around the calls costs
    began = time.thread_time()
    for _ in range(repeats):
        nothing()
    return (time.thread_time() - began) / repeats * 1e9


def dataset_of(folder: Path, side: int, **options: object) -> CellMapDataset:
    """Cubes of raw and 3 classes, of so many voxels along each axis."""
    array = {"shape": (side,) * 3, "scale": (volume.VOXEL,) * 3}
    classes = volume.CLASSES[:3]
    raw, target = str(folder / "raw"), volume.target_path(folder, classes)
    return CellMapDataset(raw, target, classes, {"raw": array}, {"labels": array}, **options)


def counting(folder: Path) -> dict[str, Callable[[], object]]:
    """What the report costs while samples are read; row of the table -> what is called."""
    dataset = dataset_of(folder, 64)
    dataset[0]  # from here on there is something to count
    image, motion = dataset.layout.inputs[0], Motion.identity()
    plan = image.plan(dataset.layout.grid.centre(7), motion, snap=False, average=True)
    known = Traffic()

    def new() -> None:
        Traffic().add(image, plan)

    def ranged() -> None:
        with profiled("read"):
            pass

    return {
        "bytes and chunks of a read, the first of its kind in a batch": new,
        "bytes and chunks of a read, of those that follow": lambda: known.add(image, plan),
        "what tensorstore counts, once a batch": storage.take_counts,
        "a look at Python's lock, once in eight reads": lock_delay,
        "a range for torch's profiler, none running": ranged,
    }


def sample_of_64(folder: Path, rounds: int) -> float:
    """Milliseconds to read one patch of 64^3, raw and 3 classes, in one thread."""
    dataset = dataset_of(folder, 64)
    places = np.random.default_rng(0).integers(len(dataset), size=(rounds, 30))
    times = []
    for batch in places:
        began = time.perf_counter()
        for place in batch:
            dataset[int(place)]
        times.append((time.perf_counter() - began) / len(batch) * 1e3)
    return statistics.median(times)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=volume.FOLDER)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=20_000)
    args = parser.parse_args()
    took = measure(calls(), args.rounds, args.repeats)
    print(table(["what", "ns"], [[name, f"{value:,.0f}"] for name, value in took.items()]))
    folder = volume.make(args.folder)
    counted = measure(counting(folder), args.rounds, args.repeats // 10)
    print()
    print(table(["the report", "ns"], [[name, f"{value:,.0f}"] for name, value in counted.items()]))
    patch = sample_of_64(folder, args.rounds)
    chain = took["chain of four plugins"] - took["chain of none"]
    timing = took["chain of four plugins"] - took["four bare functions, neither timed nor checked"]
    print(
        f"\nfour plugins cost {chain / 1e3:.2f} us a sample, {chain / patch / 1e4:.3f} % of a patch of 64^3 "
        f"with raw and 3 classes ({patch:.2f} ms); {timing / 1e3:.2f} us of it are timing and checks"
    )


if __name__ == "__main__":
    main()
