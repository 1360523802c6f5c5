"""The augmentation plugin, alone and in a loader."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError, HookError
from cellmap_data.plugins import AugmentationPlugin
from cellmap_data.transforms import GaussianBlur, GaussianNoise, RandomContrast, RandomGamma
from tests.toy import Toy, seeded
from tests.transforms.randomizable import Compose, RandNoised, RandShift


def sample():
    return {"raw": torch.arange(8.0), "labels": torch.ones(8), "idx": torch.tensor(3)}


def augmented(plugin, k=0, is_train=True):
    return plugin.augment(sample(), k, np.random.Generator(np.random.Philox(k)), is_train)


def doubled(sample):
    return {key: value * 2 for key, value in sample.items()}


def plus_one(x):
    return x + 1


def torch_noise(sample):
    sample["x"] = sample["x"] + torch.rand(1) * torch.randn_like(sample["x"])
    return sample


def rng_noise(sample, rng):
    sample["x"] = sample["x"] + rng.normal()
    return sample


def numpy_noise(sample):
    sample["x"] = sample["x"] + np.random.rand() + random.random()
    return sample


def dropout(sample):
    sample["x"] = torch.nn.functional.dropout(sample["x"] + 1)
    return sample


COVERED = {
    "ours": {"x": [RandomContrast(), RandomGamma(), GaussianNoise(), GaussianBlur(dim=3)]},
    "torch": torch_noise,
    "rng": [rng_noise, torch_noise],
    "randomizable": RandNoised(["x"]),
    "composed": [{"x": Compose([RandShift(), RandShift(0.5)])}, torch_noise],
}
EXECUTORS = {
    "one-by-one": {"num_workers": 0, "enable_prefetch": False},
    "threads": {"num_workers": 0},
    "one-worker": {"num_workers": 1},
    "two-workers": {"num_workers": 2},
}


def batches(transforms, **options):
    loader = EnhancedCellMapDataLoader(
        Toy(), batch_size=4, rng=seeded(), transforms=transforms, enable_device_transfer=False, **options
    )
    return [batch["x"].clone() for _ in range(2) for batch in loader]


@pytest.mark.parametrize("transforms", COVERED.values(), ids=COVERED.keys())
def test_batches_are_the_same_with_any_number_of_threads_and_workers(transforms):
    """Two epochs, bit by bit, also for transforms that draw from torch or from a state of their own."""
    expected, *others = (batches(transforms, **options) for options in EXECUTORS.values())
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(expected, other, strict=True))
    assert len({float(batch.sum()) for batch in expected}) == len(expected) == 10


@pytest.mark.parametrize("transform", [numpy_noise, dropout])
def test_what_needs_workers_gives_the_same_batches_with_any_number_of_them(transform):
    """Draws from generators of the process are seeded for each sample."""
    one = batches(transform, num_workers=1)
    assert all(torch.equal(a, b) for a, b in zip(one, batches(transform, num_workers=2), strict=True))
    assert len({float(batch.sum()) for batch in one}) == len(one)


@pytest.mark.parametrize("transform", [numpy_noise, dropout])
def test_what_needs_workers_is_refused_in_threads(transform):
    """The error names the plugin, the transform and the way out."""
    with pytest.raises(
        HookError, match=rf"(?s)augmentation.*{transform.__name__} cannot run in threads.*workers"
    ):
        batches(transform)


def test_nothing_happens_outside_training():
    """Validation sees samples as they were read."""
    plugin = AugmentationPlugin([doubled, {"raw": plus_one}])
    untouched = augmented(plugin, is_train=False)
    assert all(torch.equal(untouched[key], value) for key, value in sample().items())


def test_transforms_run_in_order_on_samples_and_on_keys():
    """A mapping leaves the other keys alone."""
    plugin = AugmentationPlugin(
        [{"raw": [plus_one, plus_one]}, doubled, {"raw": plus_one, "labels": plus_one}]
    )
    result = augmented(plugin)
    assert torch.equal(result["raw"], (sample()["raw"] + 2) * 2 + 1)
    assert torch.equal(result["labels"], sample()["labels"] * 2 + 1)
    assert result["idx"] == 6
    assert plugin.transforms == [plus_one, plus_one, doubled, plus_one, plus_one]


@pytest.mark.parametrize(
    "given", [None, doubled, [doubled], (t for t in [doubled])], ids=["none", "one", "list", "any"]
)
def test_transforms_may_be_given_in_any_form(given):
    """One callable, several, or none at first."""
    plugin = AugmentationPlugin(given)
    if given is None:
        plugin.add_transform(doubled)
    assert plugin.transforms == [doubled]


def test_transforms_can_be_added_and_cleared():
    """Managers are told, so that workers learn of it."""
    plugin = AugmentationPlugin()
    revision = plugin.revision
    plugin.add_transform({"raw": plus_one})
    assert plugin.revision > revision
    assert torch.equal(augmented(plugin)["raw"], sample()["raw"] + 1)
    revision = plugin.revision
    plugin.clear_transforms()
    assert plugin.revision > revision
    assert torch.equal(augmented(plugin)["raw"], sample()["raw"])


def test_changes_between_epochs_reach_threads():
    """A schedule may change a transform of which threads have copies."""
    shift = RandShift()
    plugin = AugmentationPlugin({"raw": shift})
    assert not torch.equal(augmented(plugin)["raw"], sample()["raw"])
    shift.prob = 0.0
    plugin.forget_copies()
    assert torch.equal(augmented(plugin)["raw"], sample()["raw"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (3, "must be callable"),
        (["blur"], "must be callable"),
        ({"raw": 3}, "must be callable"),
        (GaussianNoise(), '{"raw": GaussianNoise'),
    ],
    ids=["number", "text", "mapping", "no-key"],
)
def test_what_is_no_transform_of_a_sample_is_refused_at_once(given, problem):
    """The message says what would be one."""
    with pytest.raises(ConfigurationError, match=problem):
        AugmentationPlugin(given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rwa": plus_one}, "(?s)plus_one.*raw, labels, idx.*'rwa'"),
        (lambda sample: None, "returned None"),
    ],
    ids=["key", "no-return"],
)
def test_what_cannot_be_applied_is_named(given, problem):
    """The message names the transform, and the keys there are."""
    with pytest.raises(ConfigurationError, match=problem):
        augmented(AugmentationPlugin(given))


def test_the_plugin_can_be_pickled_after_use():
    """Workers start with what the user has configured."""
    plugin = AugmentationPlugin({"raw": RandShift()})
    expected = augmented(plugin, 5)
    assert torch.equal(augmented(pickle.loads(pickle.dumps(plugin)), 5)["raw"], expected["raw"])
