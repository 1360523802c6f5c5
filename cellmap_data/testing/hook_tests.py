"""What every plugin must keep that reads, gives memory, opens arrays or moves patches."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import typer
from torch.utils.data import default_collate

from cellmap_data.buffers import BatchSpec, SlotProvider
from cellmap_data.plugins import PluginManager
from cellmap_data.spatial import Motion, PatchSpec, spatial_table
from cellmap_data.testing.comparing import difference
from cellmap_data.testing.outcomes import fail
from cellmap_data.testing.subject import Bench, Subject, generator, registered

__all__ = ["HookTests"]

_BYTES = 10_000


class HookTests(Subject):
    """Checks of the plugin as a whole, then of its first-result hooks and of what it adds to tables."""

    def test_registers(self) -> None:
        """A manager takes the plugin and finds a hook in it."""
        with registered(self) as bench:
            if not bench.hooks:
                fail(
                    f"plugin {bench.name!r} answers no hook",
                    expected="at least one hook of cellmap_data.hookspecs",
                    got="none",
                    hint="mark methods with hookimpl, or name them in get_hook_methods",
                )

    def test_every_hook_answers(self) -> None:
        """Every hook can be called with all its arguments, in the order of an epoch."""
        with registered(self) as bench, TemporaryDirectory() as folder:
            arguments = self._arguments(folder)
            for hook in arguments:
                if hook in bench.hooks:
                    getattr(bench.relay, hook)(**arguments[hook])

    def test_travels_to_workers(self) -> None:
        """The plugin can be pickled, and the copy answers as the plugin does."""
        with registered(self) as bench:
            manager: PluginManager = pickle.loads(bytes(ForkingPickler.dumps(bench.manager)))
            copy = Bench(manager, bench.name)
            if copy.hooks != bench.hooks:
                got, expected = (", ".join(one.hooks) for one in (copy, bench))
                rule, hint = "the plugin forgets hooks when it is pickled", "keep its state in __getstate__"
                fail(rule, expected=expected, got=got, hint=hint)
            if "post_sample" not in bench.hooks:
                return
            results = [one.post_sample(self.make_sample(3), 3, seed=7) for one in (bench, copy)]
            if differing := difference(*results):
                fail(
                    "a pickled copy of the plugin makes something else of a sample",
                    expected="the sample that the plugin makes",
                    got=differing,
                    hint="let __getstate__ and __setstate__ keep what the outcome depends on",
                )

    def test_load_samples_answers_for_every_index(self) -> None:
        """``load_samples`` gives one sample for each index, in that order, or None."""
        with registered(self, "load_samples") as bench, TemporaryDirectory() as folder:
            dataset, indices = self.make_dataset(Path(folder)), [2, 0, 1]
            bench.relay.pre_batch(dataset, indices)
            try:
                samples = bench.relay.load_samples(dataset, indices)
                if samples is not None:
                    _check_samples(samples, indices)
            finally:
                bench.relay.post_epoch(None, 0)

    def test_allocate_batch_gives_memory(self) -> None:
        """``allocate_batch`` gives None, or memory that no two batches share."""
        with registered(self, "allocate_batch") as bench:
            for shared in (False, True):
                provider = bench.relay.allocate_batch(BatchSpec(shared=shared))
                if provider is not None:
                    _check_provider(provider)

    def test_open_array_leaves_others_alone(self) -> None:
        """``open_array`` gives None for a path that is none of the plugin's own."""
        with registered(self, "open_array") as bench:
            uri = "/no/such/folder/nobodys.unknown-format"
            if (reader := bench.relay.open_array(uri, None)) is not None:
                fail(
                    "open_array answers for a path that cannot be the plugin's own",
                    place=uri,
                    expected="None",
                    got=type(reader).__name__,
                    hint="look at the path first, and return None for those of other formats",
                )

    def test_spatial_transforms_can_be_drawn(self) -> None:
        """What is added to the table of spatial transforms draws motions, equal ones for equal generators."""
        with registered(self, "add_spatial_transforms") as bench:
            before = spatial_table()
            table = dict(before)
            bench.relay.add_spatial_transforms(table)
            if gone := sorted(before.keys() - table.keys()):
                fail(
                    f"add_spatial_transforms takes away {', '.join(gone)}",
                    expected="a table with what was in it, and more",
                    got=", ".join(table) or "an empty table",
                    hint="put entries into the table, and leave those of others",
                )
            for name, entry in table.items():
                if name not in before or entry != before[name]:
                    _check_transform(name, entry, self.spatial_options.get(name, {}))

    def _arguments(self, folder: str) -> dict[str, dict[str, Any]]:
        """Arguments for every hook; the hooks in the order of an epoch, of a worker, of a program."""
        dataset, indices = self.make_dataset(Path(folder)), [0, 1]
        batch = default_collate([self.make_sample(i) for i in indices])
        return {
            "pre_epoch": {"loader": None, "epoch": 0},
            "pre_batch": {"dataset": dataset, "indices": indices},
            "load_samples": {"dataset": dataset, "indices": indices},
            "post_sample": {
                "sample": self.make_sample(0),
                "index": 0,
                "rng": generator(0),
                "is_train": True,
            },
            "allocate_batch": {"spec": BatchSpec()},
            "post_collate": {"batch": batch, "device": torch.device("cpu"), "is_train": True},
            "post_batch": {"batch": batch},
            "post_epoch": {"loader": None, "epoch": 0},
            "setup_worker": {"worker_id": 0, "num_workers": 1, "seed": 0},
            "teardown_worker": {"worker_id": 0},
            "open_array": {"uri": f"{folder}/raw/s0", "context": None},
            "add_spatial_transforms": {"table": spatial_table()},
            "add_commands": {"app": typer.Typer()},
        }


def _check_samples(samples: Any, indices: list[int]) -> None:
    given = [int(s["idx"]) for s in samples if isinstance(s, Mapping) and "idx" in s]
    if given and given != indices:
        rule = "load_samples gives other samples than were asked for"
        hint = "answer for every index in its place, or return None to have all of them read"
        fail(rule, expected=f"idx = {indices}", got=f"idx = {given}", hint=hint)


def _check_provider(provider: Any) -> None:
    provider.expect(_BYTES)
    run = SlotProvider.new_run()
    leases = [provider.lease(provider.take(run), run) for _ in range(2)]
    if any(lease is None or lease.nbytes < _BYTES or not lease.flags.writeable for lease in leases):
        fail(
            "allocate_batch gives memory that cannot hold a batch",
            expected=f"leases of {_BYTES} bytes or more that can be written to",
            got=", ".join("None" if one is None else f"{one.nbytes} bytes" for one in leases),
            hint="give at least as much as expect(nbytes) was told",
        )
    if np.shares_memory(*leases):
        fail(
            "allocate_batch gives memory that is in use",
            expected="memory of its own for each lease that is alive",
            got="two leases of the same memory",
            hint="use memory again only when nothing refers to its lease any more",
        )


def _check_transform(name: str, entry: Any, options: Any) -> None:
    if not callable(entry):
        fail(
            f"the spatial transform {name!r} cannot be made",
            expected="what makes it from the user's options, such as a class",
            got=type(entry).__name__,
            hint=f"write table[{name!r}] = {type(entry).__name__}, without making one",
        )
    transform = entry(options)
    if not callable(getattr(transform, "draw", None)):
        fail(
            f"the spatial transform {name!r} cannot be drawn",
            expected="a method draw(rng, patches, fits), see cellmap_data.spatial.SpatialTransform",
            got=type(transform).__name__,
            hint="give it that method",
        )
    patches = [PatchSpec((16, 16, 16), (8.0, 8.0, 8.0))]
    motions = [transform.draw(generator(5), patches, lambda motion: True) for _ in range(2)]  # noqa: ARG005
    if not isinstance(motions[0], Motion) or motions[0] != motions[1]:
        fail(
            f"the spatial transform {name!r} does not draw motions from its generator",
            expected="equal cellmap_data.spatial.Motion objects for equal generators",
            got=f"{motions[0]!r} and {motions[1]!r}",
            hint="draw every random number from the argument rng, and return a Motion",
        )
