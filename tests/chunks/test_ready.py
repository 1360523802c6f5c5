"""Who reads while loops are not compiled."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from cellmap_data.chunks import codecs, ready
from cellmap_data.storage import ZarrReader
from tests.volumes import write_multiscale

SCRIPT = """
import sys
import numpy as np
from cellmap_data.storage import ZarrReader
reader, values = ZarrReader(sys.argv[1]), np.load(sys.argv[2])
boxes = [(slice(z, z + 9), slice(0, 20), slice(3, 30)) for z in range(11)]
for box in boxes[:5]:
    assert (reader.read(box) == values[box]).all()
assert "numba" not in sys.modules, "a process that reads little does not compile"
from cellmap_data.chunks import are_ready
for _ in range(20):
    for box in boxes:
        assert (reader.read(box) == values[box]).all()
word = np.dtype("u1")
assert are_ready(word, word, wait=True), "one that reads much does"
for box in boxes:
    assert (reader.read(box) == values[box]).all()
"""


def test_values_are_the_same_before_and_after(tmp_path) -> None:
    """A process reads the same from its first box on, while loops are made ready, and with them."""
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 40)).astype(np.uint8)
    write_multiscale(tmp_path / "volume", values, chunks=(8, 8, 8))
    np.save(tmp_path / "values.npy", values)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "volume" / "s0"), str(tmp_path / "values.npy")]
    subprocess.run(command, check=True)


def test_without_the_libraries_tensorstore_reads(tmp_path, monkeypatch) -> None:
    """Where a function that unpacks is not found everything is read all the same."""
    monkeypatch.setattr(codecs, "PLACES", codecs.PLACES | {"ZSTD_decompressDCtx": 0})
    for name, empty in (("_threads", {}), ("_ready", set())):
        monkeypatch.setattr(ready, name, empty)
    assert not ready.are_ready(np.dtype("u1"), np.dtype("u1"), wait=True)
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 40)).astype(np.uint8)
    write_multiscale(tmp_path / "volume", values, chunks=(8, 8, 8))
    reader = ZarrReader(str(tmp_path / "volume" / "s0"))
    for _ in range(100):
        np.testing.assert_array_equal(reader.read((slice(3, 9),) * 3), values[3:9, 3:9, 3:9])
