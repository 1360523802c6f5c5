"""What every plugin must keep in a loader with workers, among the plugins that come with the package."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.plugins import PluginManager
from cellmap_data.testing.comparing import difference
from cellmap_data.testing.outcomes import fail
from cellmap_data.testing.subject import Subject, be_strict, registered

__all__ = ["LoaderTests"]

_BUILT_IN = ("prefetch", "augmentation", "memory_optimization", "device_transfer")
_BATCHES, _SIZE = 3, 2


class LoaderTests(Subject):
    """Checks in a real loader over a small volume, on the CPU."""

    def test_takes_part_in_a_loader(self) -> None:
        """A loader delivers two epochs with the plugin, every batch whole."""
        with registered(self) as bench, TemporaryDirectory() as folder:
            with self._loader(self.make_dataset(Path(folder)), bench.name) as loader:
                self._join(loader)
                sizes = [[_size(batch) for batch in loader] for _ in range(2)]
            if sizes != [[_SIZE] * _BATCHES] * 2:
                fail(
                    "batches are missing, or not whole, with the plugin",
                    expected=f"two epochs of {_BATCHES} batches of {_SIZE} samples",
                    got=f"batches of {sizes} samples",
                    hint="keep every sample of every batch",
                )

    def test_gives_the_same_batches_with_a_worker(self) -> None:
        """A worker process reads the batches that this process reads, bit by bit."""
        with registered(self) as bench, TemporaryDirectory() as folder:
            dataset, epochs = self.make_dataset(Path(folder)), []
            for workers in (0, 1):
                with self._loader(dataset, bench.name, workers) as loader:
                    self._join(loader)
                    epochs.append([copy.deepcopy(batch) for batch in loader])
            if differing := difference(epochs[0], epochs[1]):
                fail(
                    "the plugin gives other batches with a worker process than without",
                    expected="the same batches for any number of workers",
                    got=f"batch {differing}",
                    hint="draw from rng, keep nothing between samples, open files in setup_worker",
                )

    def test_is_silent_when_disabled(self) -> None:
        """Disabled, it answers no hook, and a loader gives the batches that it gives without the plugin."""
        with registered(self) as bench, TemporaryDirectory() as folder:
            bench.manager.disable_plugin(bench.name)
            with self._loader(self.make_dataset(Path(folder)), bench.name) as loader:
                without = [copy.deepcopy(batch) for batch in loader]
                _manager(loader).disable_plugin(self._join(loader))
                loader.set_epoch(0)
                differing = difference(without, [copy.deepcopy(batch) for batch in loader])
            if bench.hooks or differing:
                fail(
                    "the plugin cannot be switched off",
                    expected="nothing from it once it is disabled",
                    got=f"batch {differing}" if differing else f"an answer to {', '.join(bench.hooks)}",
                    hint="change nothing outside of hooks, and leave enable, disable and enabled as they are",
                )

    def _loader(self, dataset: Any, name: str, workers: int = 0) -> EnhancedCellMapDataLoader:
        """A loader with the built-in plugins; one of the plugin's ``name`` makes room for it."""
        switches: dict[str, Any] = {f"enable_{one}": one != name for one in _BUILT_IN}
        return EnhancedCellMapDataLoader(
            dataset,
            batch_size=_SIZE,
            num_workers=workers,
            rng=torch.Generator().manual_seed(5),
            device="cpu",
            iterations_per_epoch=_BATCHES,
            **switches,
        )

    def _join(self, loader: EnhancedCellMapDataLoader) -> str:
        """Make a plugin for a loader, and return what it goes by."""
        name = loader.add_plugin(self.make_plugin())
        be_strict(_manager(loader), name)
        _manager(loader).enable_plugin(name)
        return name


def _manager(loader: EnhancedCellMapDataLoader) -> PluginManager:
    assert loader.plugin_manager is not None, "plugins are on unless they are switched off"
    return loader.plugin_manager


def _size(batch: Any) -> int:
    """How many samples a batch has."""
    values = batch.values() if isinstance(batch, Mapping) else [batch]
    return next((len(value) for value in values if isinstance(value, torch.Tensor) and value.ndim), 0)
