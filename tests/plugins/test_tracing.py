"""What a trace says, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cellmap_data.errors import HookError
from cellmap_data.plugins import PluginManager
from cellmap_data.plugins.tracing import kind_of
from tests.plugins.actors import Appends, Raises

ROOT = Path(__file__).parents[2]


class Unprintable(torch.Tensor):
    """Takes offence at being printed."""

    def __repr__(self):
        raise AssertionError("a payload was printed")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (torch.full((2, 3), 123.5), "float32[2, 3]"),
        (SimpleNamespace(dtype="u1", shape=None), "SimpleNamespace"),
        (torch.empty(2, device="meta"), "float32[2] on meta"),
        (torch.empty(2).as_subclass(Unprintable), "float32[2]"),
        (np.zeros((4, 1), np.uint8), "uint8[4, 1]"),
        ({"raw": torch.zeros(1), "more": {"n": 3}}, "{raw: float32[1], more: {n: 3}}"),
        ({n: n for n in range(9)}, "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, ...}"),
        ([torch.zeros(2), torch.zeros(3)], "2 x float32[2]"),
        ([7, 8, 9], "3 items"),
        ("secret", "str"),
        (3.25, "float"),
        (True, "True"),
        (None, "None"),
        (17, "17"),
        (np.random.default_rng(0), "Generator"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shapes_and_dtypes_never_values(value, kind):
    """Of everything that carries data only its kind is told."""
    assert kind_of(value) == kind


def test_what_contains_itself_is_told_to_some_depth():
    """And no deeper."""
    batch = {"x": torch.zeros(1)}
    batch["whole"] = batch
    assert kind_of(batch).count("x: float32[1]") == 4


def test_each_call_is_one_line(capfd):
    """Hook, plugin, kinds of arguments and answer, time; switched on and off while plugins are in use."""
    manager = PluginManager()
    manager.register_plugin(Appends("a"))
    manager.execute_hook("post_sample", [], 3, None, True)
    manager.tracing = True
    manager.execute_hook("post_sample", [], 3, None, True)
    manager.tracing = False
    manager.execute_hook("post_sample", [], 3, None, True)
    (line,) = capfd.readouterr().err.splitlines()
    assert "post_sample a(sample=0 items, index=3, rng=None, is_train=True) -> 1 x str  0." in line


def test_a_failure_is_told_too(capfd):
    """With the type of the error; the error itself comes as ever."""
    manager = PluginManager()
    manager.tracing = True
    manager.register_plugin(Raises(ValueError("boom"), "bad"))
    with pytest.raises(HookError):
        manager.execute_hook("pre_batch", None, [1])
    assert "pre_batch bad(dataset=None, indices=1 items) -> raised ValueError" in capfd.readouterr().err


SCRIPT = """
import sys
from cellmap_data import EnhancedCellMapDataLoader
from tests.toy import Toy

if __name__ == "__main__":
    with EnhancedCellMapDataLoader(Toy(4), batch_size=2, num_workers=int(sys.argv[1])) as loader:
        assert len(list(loader)) == 2
"""


@pytest.mark.executor
@pytest.mark.parametrize("workers", [0, 1])
def test_the_environment_switches_it_on_for_workers_too(workers, tmp_path):
    """No line of code has to change to see what happens to a training."""
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    environment = os.environ | {"CELLMAP_DATA_TRACE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(path), str(workers)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
    assert told.count(" post_sample augmentation(sample={idx: int64[], x: float32[1, 4, 4, 4]") == 4
    assert told.count(" post_collate device_transfer(batch={idx: int64[2], x: float32[2, 1, 4, 4, 4]") == 2
    assert "tensor(" not in told
