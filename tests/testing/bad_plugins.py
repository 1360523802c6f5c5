"""Plugins that each break one promise; at the top level of a module, so that they travel."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import torch

from cellmap_data.buffers import SlotProvider
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin
from tests.plugins.actors import Reader


class Misspelt:
    @hookimpl
    def post_sampel(self, sample):
        return sample


class Hookless(DataLoaderPlugin):
    def __init__(self):
        super().__init__("hookless")

    def get_hook_methods(self):
        return {}


class NeedsLoader:
    @hookimpl
    def pre_epoch(self, loader):
        self.size = loader.batch_size


class ForgetsReturn:
    @hookimpl
    def post_sample(self, sample):
        sample["raw"] = sample["raw"] + 1


class FailsQuietly:
    on_error = "skip_plugin"

    @hookimpl
    def post_sample(self, sample):
        raise KeyError("label")


class LosesLabels:
    @hookimpl
    def post_sample(self, sample):
        return {key: value for key, value in sample.items() if key != "labels"}


class ReturnsTuple:
    @hookimpl
    def post_sample(self, sample):
        return sample["raw"], sample["labels"]


class RenumbersSamples:
    @hookimpl
    def post_sample(self, sample):
        return sample | {"idx": sample["idx"] + 1}


class OwnGenerator:
    """Goes on drawing from one sequence of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    @hookimpl
    def post_sample(self, sample):
        sample["raw"] += self.rng.normal()
        return sample


class NoisyValidation:
    @hookimpl
    def post_sample(self, sample, rng):
        sample["raw"] += rng.normal()
        return sample


class DrawsFromTorch:
    @hookimpl
    def post_sample(self, sample, is_train):
        if is_train:
            sample["raw"] += torch.randn(())
        return sample


class SeedsNumpy:
    @hookimpl
    def post_sample(self, sample, rng):
        np.random.seed(int(rng.integers(2**31)))
        return sample


class ReusesMemory:
    """Makes its result in the same memory for each sample."""

    def __init__(self):
        self.out = None

    @hookimpl
    def post_sample(self, sample):
        if self.out is None:
            self.out = torch.empty_like(sample["raw"])
        return sample | {"raw": torch.mul(sample["raw"], 2, out=self.out)}


class RemembersSample:
    """Keeps the sample at hand in the plugin, where another thread puts its own."""

    @hookimpl
    def post_sample(self, sample):
        self.raw = sample["raw"]
        time.sleep(0.002)
        return sample | {"raw": self.raw + 1}


class HalvesBatch:
    @hookimpl
    def post_collate(self, batch):
        return {key: value[:1] for key, value in batch.items()}


class LosesKeysOfBatch:
    @hookimpl
    def post_collate(self, batch):
        return {"raw": batch["raw"]}


class StuckAtHome:
    """Cannot be pickled."""

    def __init__(self):
        self.strength = lambda: 1

    @hookimpl
    def post_batch(self):
        self.strength()


class ForgetsStrength:
    """Is another one after pickling."""

    def __init__(self):
        self.strength = 3

    def __getstate__(self):
        return {"strength": 1}

    @hookimpl
    def post_sample(self, sample):
        sample["raw"] *= self.strength
        return sample


class LoadsOneSample:
    @hookimpl
    def load_samples(self, dataset, indices):
        return dataset.__getitems__(indices[:1])


class LoadsSorted:
    @hookimpl
    def load_samples(self, dataset, indices):
        return dataset.__getitems__(sorted(indices))


class GivesBytes:
    @hookimpl
    def allocate_batch(self, spec):
        return bytearray(100)


class LendsTwice:
    """Gives every batch the same slot."""

    @hookimpl
    def allocate_batch(self, spec):
        return Generous(spec)


class Generous(SlotProvider):
    def take(self, run):
        slot = next(iter(self._slots.values()), None) or super().take(run)
        slot.owner = run
        return slot


class OpensEverything:
    @hookimpl
    def open_array(self, uri):
        return Reader()


class AddsAnObject:
    @hookimpl
    def add_spatial_transforms(self, table):
        table["shear"] = object()


class AddsNothingToDraw:
    @hookimpl
    def add_spatial_transforms(self, table):
        table["shear"] = dict


class ClearsTable:
    @hookimpl
    def add_spatial_transforms(self, table):
        table.clear()


class DrawsNoMotion:
    def __init__(self, options):
        self.options = options

    def draw(self, rng, patches, fits):
        return rng.normal()


class AddsWhatDrawsNoMotion:
    @hookimpl
    def add_spatial_transforms(self, table):
        table["shear"] = DrawsNoMotion


class OddOnesOut:
    """Samples of one batch do not fit together."""

    @hookimpl
    def post_sample(self, sample, index):
        return sample | {"odd": torch.tensor(1)} if index % 2 else sample


class OtherInWorkers:
    """Knows which process it is in."""

    @hookimpl
    def post_sample(self, sample):
        sample["raw"] += multiprocessing.parent_process() is not None
        return sample


class Unstoppable(DataLoaderPlugin):
    """Does not let itself be disabled."""

    enabled = property(lambda self: True, lambda self, value: None)

    def __init__(self):
        super().__init__("unstoppable")

    def get_hook_methods(self):
        return {"post_sample": "brighten"}

    def brighten(self, sample):
        sample["raw"] += 1
        return sample
