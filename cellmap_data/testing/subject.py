"""What an author tells the plugin suite, and the manager in which a check meets the plugin."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellmap_data import CellMapDataset
from cellmap_data.errors import message
from cellmap_data.plugins import PluginManager, PluginRelay
from cellmap_data.testing.environment import no_plugins_from_environment
from cellmap_data.testing.outcomes import skip
from cellmap_data.testing.volumes import write_crop

__all__ = ["Bench", "Subject", "be_strict", "generator", "registered"]


class Subject:
    """What an author tells the suite: the plugin, and what it works on. Only the plugin must be given."""

    may_drop: Collection[str] = ()
    """Keys that the plugin takes out of samples or batches on purpose."""

    spatial_options: Mapping[str, Any] = {}
    """Name -> options for an entry that the plugin adds to the table of spatial transforms; {} for others."""

    def make_plugin(self) -> Any:
        """Make a plugin as a user would; a class or a module will do as well."""
        raise NotImplementedError(
            message(
                f"{type(self).__name__} does not say which plugin to check",
                expected="a method make_plugin(self) that returns it",
                got="none",
                hint="write: def make_plugin(self): return MyPlugin()",
            )
        )

    def make_sample(self, index: int) -> dict[str, Any]:
        """Make sample ``index`` as a dataset would, equal ones for equal indices.

        By default ``idx`` (int64, no axes), ``raw`` (float32, [1, 16, 16, 16], values 0 to 255) and
        ``labels`` (float32, [2, 16, 16, 16], one class of 0 and 1, one unknown: NaN).
        """
        rng = np.random.default_rng(index)
        labels = rng.integers(0, 2, (2, 16, 16, 16)).astype(np.float32)
        labels[1] = np.nan
        raw = rng.integers(0, 256, (1, 16, 16, 16)).astype(np.float32)
        return {"idx": torch.tensor(index), "raw": torch.from_numpy(raw), "labels": torch.from_numpy(labels)}

    def make_dataset(self, folder: Path) -> Any:
        """Make a dataset of six samples or more; what it reads may be written into the empty ``folder``.

        By default a :class:`~cellmap_data.CellMapDataset` of a crop of 24 x 24 x 24 voxels, with samples of
        the names, shapes and types of :meth:`make_sample`.
        """
        raw, labels = write_crop(folder, (24, 24, 24), ("nuc",))
        patch = {"shape": (16, 16, 16), "scale": (8, 8, 8)}
        return CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": patch}, {"labels": patch}, seed=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """A manager with nothing but the plugin, which is enabled.

    Attributes
    ----------
    manager
        The manager.
    name
        What the plugin goes by.
    """

    manager: PluginManager
    name: str

    @property
    def relay(self) -> PluginRelay:
        """What calls the hooks."""
        return self.manager.relay

    @property
    def hooks(self) -> list[str]:
        """The hooks that the plugin answers."""
        return [hook for hook in self.manager.list_hooks() if self.manager.call_order(hook)]

    def post_sample(self, sample: Any, index: int = 0, seed: int = 0, is_train: bool = True) -> Any:
        """Pass a sample through, with a new generator."""
        return self.relay.post_sample(sample, index, generator(seed), is_train)


def generator(seed: int) -> np.random.Generator:
    """A generator such as a sample gets; equal ones for equal seeds."""
    return np.random.Generator(np.random.Philox(seed))


def be_strict(manager: PluginManager, name: str) -> None:
    """Let failures be seen that a plugin wants to have passed over."""
    if manager.roster.find(name).policy.kind == "skip_plugin":
        manager.set_on_error(name, "raise")


@contextmanager
def registered(subject: Subject, hook: str = "") -> Iterator[Bench]:
    """Register the plugin for the length of a check; a check of a ``hook`` it does not answer is skipped."""
    with no_plugins_from_environment():
        manager = PluginManager()
        bench = Bench(manager, manager.register_plugin(subject.make_plugin()))
        be_strict(manager, bench.name)
        manager.enable_plugin(bench.name)
        if hook and hook not in bench.hooks:
            skip(f"the plugin does not answer {hook}")
        try:
            yield bench
        finally:
            manager.enable_plugin(bench.name)  # make_plugin may give the same object to the next check
