"""The suite for plugins: what it lets pass, and what it catches."""

from __future__ import annotations

import os
from typing import ClassVar

import pytest
import torch

from cellmap_data.errors import CellMapDataError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import (
    AugmentationPlugin,
    DeviceTransferPlugin,
    MemoryOptimizationPlugin,
    PrefetchPlugin,
)
from cellmap_data.spatial import Motion
from cellmap_data.testing import PluginTests
from cellmap_data.transforms import GaussianNoise, RandomContrast
from tests.testing import bad_plugins as bad


class TestPrefetch(PluginTests):
    def make_plugin(self):
        return PrefetchPlugin(max_prefetch=4)


class TestAugmentation(PluginTests):
    def make_plugin(self):
        return AugmentationPlugin({"raw": [RandomContrast((0.5, 1.5)), GaussianNoise(std=2.0)]})


class TestMemoryOptimization(PluginTests):
    def make_plugin(self):
        return MemoryOptimizationPlugin


class TestDeviceTransfer(PluginTests):
    def make_plugin(self):
        return DeviceTransferPlugin()


class Shear:
    def __init__(self, options):
        self.most = options["most"]

    def draw(self, rng, patches, fits):
        return Motion(matrix=((1, 0, 0), (0, 1, rng.uniform(0, self.most)), (0, 0, 1)))


class OfEverything:
    """Answers most hooks, as told."""

    @hookimpl
    def post_sample(self, sample, rng, is_train):
        if is_train:
            sample["raw"] = sample["raw"] + torch.from_numpy(rng.normal(size=sample["raw"].shape))
        del sample["labels"]
        return sample

    @hookimpl
    def post_collate(self, batch):
        return {key: value for key, value in batch.items() if key != "labels"}

    @hookimpl
    def load_samples(self, dataset, indices):
        return dataset.__getitems__(indices) if len(indices) == 1 else None

    @hookimpl
    def allocate_batch(self, spec):
        return None

    @hookimpl
    def open_array(self, uri, context):
        return None

    @hookimpl
    def add_spatial_transforms(self, table):
        table["shear"] = Shear


class TestOfEverything(PluginTests):
    may_drop = frozenset({"labels"})
    spatial_options: ClassVar = {"shear": {"most": 0.2}}

    def make_plugin(self):
        return OfEverything()


CAUGHT = [
    (bad.Misspelt, "registers", "did you mean 'post_sample'"),
    (bad.Hookless, "registers", "answers no hook"),
    (bad.NeedsLoader, "every_hook_answers", "failed in pre_epoch"),
    (bad.ForgetsReturn, "every_hook_answers", "returned None from post_sample"),
    (bad.FailsQuietly, "every_hook_answers", "KeyError: 'label'"),
    (bad.FailsQuietly, "takes_part_in_a_loader", "KeyError: 'label'"),
    (bad.StuckAtHome, "travels_to_workers", "cannot be sent to worker processes"),
    (bad.ForgetsStrength, "travels_to_workers", "makes something else of a sample"),
    (bad.LoadsOneSample, "load_samples_answers_for_every_index", "got:      1 samples"),
    (bad.LoadsSorted, "load_samples_answers_for_every_index", "other samples"),
    (bad.GivesBytes, "allocate_batch_gives_memory", "bytearray, which has no take, lease"),
    (bad.LendsTwice, "allocate_batch_gives_memory", "two leases of the same memory"),
    (bad.OpensEverything, "open_array_leaves_others_alone", "cannot be the plugin's own"),
    (bad.AddsAnObject, "spatial_transforms_can_be_drawn", "'shear' cannot be made"),
    (bad.AddsNothingToDraw, "spatial_transforms_can_be_drawn", "'shear' cannot be drawn"),
    (bad.AddsWhatDrawsNoMotion, "spatial_transforms_can_be_drawn", "'shear' does not draw motions"),
    (bad.ClearsTable, "spatial_transforms_can_be_drawn", "takes away elastic, mirror, rotate, transpose"),
    (bad.LosesLabels, "post_sample_keeps_the_keys", "loses 'labels'"),
    (bad.ReturnsTuple, "post_sample_keeps_the_keys", "tuple"),
    (bad.RenumbersSamples, "post_sample_keeps_the_keys", "changes the index"),
    (bad.OwnGenerator, "post_sample_depends_on_its_generator_alone", "['raw']"),
    (bad.NoisyValidation, "post_sample_draws_nothing_in_validation", "is_train"),
    (bad.DrawsFromTorch, "post_sample_leaves_global_generators_alone", "the state of torch has changed"),
    (bad.SeedsNumpy, "post_sample_leaves_global_generators_alone", "numpy.random"),
    (bad.ReusesMemory, "post_sample_lets_go_of_samples", "['raw']"),
    (bad.RemembersSample, "post_sample_runs_in_threads", "['raw']"),
    (bad.HalvesBatch, "post_collate_keeps_the_batch", "raw: 1"),
    (bad.LosesKeysOfBatch, "post_collate_keeps_the_batch", "loses 'idx', 'labels'"),
    (bad.OddOnesOut, "takes_part_in_a_loader", "odd"),
    (bad.OtherInWorkers, "gives_the_same_batches_with_a_worker", "['raw']"),
    (bad.Unstoppable, "is_silent_when_disabled", "cannot be switched off"),
]


def suite_of(plugin):
    """The suite for a plugin, as its author would write it."""

    class Suite(PluginTests):
        def make_plugin(self):
            return plugin()

    return Suite()


@pytest.mark.parametrize(
    ("plugin", "check", "words"), CAUGHT, ids=[f"{row[0].__name__}-{row[1]}" for row in CAUGHT]
)
def test_a_bad_plugin_is_caught(plugin, check, words):
    """The check that a plugin fails says what is wrong, and what was expected or got."""
    with pytest.raises((AssertionError, CellMapDataError)) as caught:
        getattr(suite_of(plugin), f"test_{check}")()
    assert words in str(caught.value)
    assert "\n  expected: " in str(caught.value) or "\n  got: " in str(caught.value)


def test_every_check_catches_something():
    """No check lets everything pass."""
    checks = {name.removeprefix("test_") for name in dir(PluginTests) if name.startswith("test_")}
    assert checks == {check for _, check, _ in CAUGHT}


def test_a_suite_without_a_plugin_says_what_to_write():
    """The first error of an author is answered."""
    with pytest.raises(NotImplementedError, match="def make_plugin"):
        PluginTests().make_plugin()


def test_the_samples_are_those_of_the_dataset(tmp_path):
    """What hooks are checked with has the names, shapes and types of what a loader reads."""
    made, read = PluginTests().make_sample(2), PluginTests().make_dataset(tmp_path)[2]
    described = [{key: (value.shape, value.dtype) for key, value in one.items()} for one in (made, read)]
    assert described[0] == described[1]
    assert made["idx"] == read["idx"] == 2


def test_the_environment_brings_no_other_plugins(monkeypatch):
    """A check meets the plugin alone, whatever the machine enables, and leaves the environment as it was."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "nobody.has.this")
    monkeypatch.setenv("CELLMAP_DATA_DISABLE_PLUGINS", "1")
    before = dict(os.environ)
    suite_of(PrefetchPlugin).test_takes_part_in_a_loader()
    assert dict(os.environ) == before


def test_an_object_that_is_given_again_and_again_is_left_enabled():
    """An entry point may name an object: checks leave it as they found it."""
    plugin = PrefetchPlugin()
    suite_of(lambda: plugin).test_is_silent_when_disabled()
    assert plugin.enabled
