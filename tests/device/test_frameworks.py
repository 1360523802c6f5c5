"""Asking training frameworks whether they drive now."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cellmap_data.device import DeviceManager


def made(name: str, code: str) -> ModuleType:
    """A module that is what ``code`` says."""
    module = ModuleType(name)
    exec(code, module.__dict__)
    return module


def test_nobody_drives_a_plain_process() -> None:
    """Asking imports nothing."""
    before = set(sys.modules)
    manager = DeviceManager("cpu")
    assert manager.detect_framework() is None
    assert manager.framework is None
    assert set(sys.modules) == before


ACCELERATE = """
import warnings
warnings.simplefilter("ignore")
import accelerate
from accelerate.logging import get_logger
from accelerate.state import AcceleratorState, PartialState
from cellmap_data.device import DeviceManager
manager = DeviceManager("cpu")
answers = [manager.detect_framework()]
PartialState(cpu=True)
answers.append(manager.detect_framework())
accelerator = accelerate.Accelerator(cpu=True)
answers.append(manager.detect_framework())
AcceleratorState._reset_state(reset_partial_state=True)
answers.append(manager.detect_framework())
assert answers == [None, None, "accelerate", None], answers
"""


def test_accelerate_drives_from_the_making_of_an_accelerator_on() -> None:
    """Neither the import nor the state that a logger needs makes it drive."""
    pytest.importorskip("accelerate")
    subprocess.run([sys.executable, "-c", ACCELERATE], check=True, timeout=120)


TRAINER = """
class Trainer:
    def __init__(self, state):
        self.state = state
    def fit(self, step):
        return self._run(step)
    def _run(self, step):
        return step()
"""


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
@pytest.mark.parametrize(
    ("status", "expected"), [("running", "lightning"), ("interrupted", None)], ids=["running", "interrupted"]
)
def test_lightning_drives_while_its_trainer_asks_for_batches(
    monkeypatch: pytest.MonkeyPatch, package: str, status: str, expected: str | None
) -> None:
    """A trainer that exists, or has ended, does not drive; one that called us and runs does."""
    name = f"{package}.trainer.trainer"
    module: Any = made(name, TRAINER)
    monkeypatch.setitem(sys.modules, name, module)
    manager = DeviceManager("cpu")
    trainer = module.Trainer(SimpleNamespace(status=status))
    assert manager.detect_framework() is None
    assert trainer.fit(manager.detect_framework) == expected
    assert manager.detect_framework() is None


def test_lightning_itself_is_asked_where_it_is_installed() -> None:
    """A real trainer is seen by the loader it iterates over, and only while it does."""
    if find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    code = """
import warnings
warnings.simplefilter("ignore")
import torch, lightning
from torch.utils.data import DataLoader
from cellmap_data.device import DeviceManager
manager, answers = DeviceManager("cpu"), []
def collate(batch):
    answers.append(manager.detect_framework())
    return torch.stack(batch)
class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def training_step(self, batch, index):
        return self.layer(batch).sum()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
noisy = ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"]
trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", **dict.fromkeys(noisy, False))
loader = DataLoader(torch.ones(2, 2), batch_size=2, collate_fn=collate)
next(iter(loader)), trainer.fit(Model(), loader), next(iter(loader))
assert answers == [None, "lightning", None], answers
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(
    ("ready", "expected"), [(True, "deepspeed"), (False, None)], ids=["ready", "imported"]
)
def test_deepspeed_drives_once_its_communication_is_set_up(
    monkeypatch: pytest.MonkeyPatch, ready: bool, expected: str | None
) -> None:
    """Importing it is not enough."""
    module = made("deepspeed.comm", f"def is_initialized(): return {ready}")
    monkeypatch.setitem(sys.modules, "deepspeed.comm", module)
    assert DeviceManager("cpu").detect_framework() == expected
