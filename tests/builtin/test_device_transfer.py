"""The device transfer plugin, alone and in a loader."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.device import DeviceManager
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DeviceTransferPlugin
from tests.toy import Toy


def test_batches_go_where_the_loader_says():
    """A plugin without a manager of its own follows the hook's argument."""
    plugin = DeviceTransferPlugin()
    assert plugin.move({"x": [torch.ones(1)]}, torch.device("meta"))["x"][0].is_meta
    assert not plugin.move({"x": torch.ones(1)}, torch.device("cpu"))["x"].is_meta


def test_a_manager_that_was_given_wins():
    """It is the one truth about the device."""
    plugin = DeviceTransferPlugin(device_manager=DeviceManager("meta"))
    assert plugin.move(torch.ones(1), torch.device("cpu")).is_meta


@pytest.mark.parametrize("workers", [0, 2])
def test_every_batch_of_a_loader_arrives_on_the_device(workers):
    """Whoever reads, the consumer moves; other fields stay as they are."""
    loader = EnhancedCellMapDataLoader(Toy(), batch_size=5, num_workers=workers, device="meta")
    for batch in loader.loader:
        assert {value.device.type for value in batch.values() if isinstance(value, torch.Tensor)} == {"meta"}


@pytest.mark.parametrize(("priority", "expected"), [(11, "cpu"), (9, "meta")])
def test_plugins_with_a_lower_number_see_the_batch_on_the_device(priority, expected):
    """That is the place for augmentation on a GPU."""
    seen = set()

    class Look:
        name = "look"

        @hookimpl
        def post_collate(self, batch):
            seen.add(batch["x"].device.type)
            return batch

    loader = EnhancedCellMapDataLoader(Toy(), batch_size=5, device="meta")
    loader.add_plugin(Look(), priority=priority)
    for _ in loader:
        pass
    assert seen == {expected}


def test_the_device_can_be_changed_between_epochs():
    """``loader.to`` and assigning a manager both reach the plugin."""
    loader = EnhancedCellMapDataLoader(Toy(), batch_size=5, device="cpu")
    assert not next(iter(loader))["x"].is_meta
    loader.to("meta")
    assert next(iter(loader))["x"].is_meta
    loader.device_manager = DeviceManager("cpu")
    assert not next(iter(loader))["x"].is_meta


STEPS_ASIDE = """
import warnings
warnings.simplefilter("ignore")
import torch, accelerate
from accelerate.state import AcceleratorState
from cellmap_data import EnhancedCellMapDataLoader
from tests.toy import Toy
loader = EnhancedCellMapDataLoader(Toy(), batch_size=10, device="meta")
devices = [batch["x"].device.type for batch in loader]
accelerator = accelerate.Accelerator(cpu=True)
devices += [batch["x"].device.type for batch in loader]
devices += [batch["x"].device.type for batch in accelerator.prepare(loader.loader)]
AcceleratorState._reset_state(reset_partial_state=True)
devices += [batch["x"].device.type for batch in loader]
assert devices == 2 * ["meta"] + 4 * ["cpu"] + 2 * ["meta"], devices
"""


def test_a_framework_that_drives_is_left_to_move_batches():
    """It is asked again for every batch: importing it changes nothing, and its end is noticed."""
    pytest.importorskip("accelerate")
    subprocess.run([sys.executable, "-c", STEPS_ASIDE], check=True, timeout=120)
