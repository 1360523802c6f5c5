"""Chunks that are known to hold one value make the patches that reading them would make."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapDataset
from cellmap_data.chunks import are_ready, files
from cellmap_data.storage import read_array_info
from cellmap_data.storage.by_tensorstore import StoredArray
from tests.volumes import write_multiscale

TRANSFORMS = {
    "none": None,
    "turned": {"mirror": {"x": 0.5, "y": 0.5, "z": 0.5}, "transpose": True},
    "rotated": {"rotate": {"x": 30, "y": 30, "z": 30}},
    "bent": {"elastic": {"control_point_spacing": 64, "max_displacement": 16}},
}


class Unknowing:
    """Answers with readers by tensorstore, which know of no chunk what is in it."""

    def open_array(self, uri, context):
        if not uri.endswith("s0"):
            return None
        info = read_array_info(uri, context)
        reader = StoredArray(uri, info, context, passing=False)
        reader.shape, reader.dtype = info.shape, info.dtype
        return reader

    def add_spatial_transforms(self, table) -> None:
        """None."""


@pytest.fixture(autouse=True)
def _look_into_every_file(monkeypatch) -> None:
    monkeypatch.setattr(files, "_SMALL", 1)


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    byte = np.dtype("u1")
    for wanted in (byte, np.dtype("f4")):
        assert are_ready(byte, wanted, wait=True)


@pytest.mark.parametrize("scale", [8, 12], ids=["as stored", "averaged"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_patches_are_those_of_a_reader_that_knows_nothing(transform, scale, tmp_path) -> None:
    """Raw and labels, turned or bent, averaged, with padding: the third time as the first."""
    rng = np.random.default_rng(0)
    for name, low in (("raw", 0), ("labels/a", 0), ("labels/b", 7)):
        coarse = rng.choice([low, 9], (4, 4, 4), p=[0.8, 0.2])
        values = np.kron(coarse, np.ones((8, 8, 8), int)).astype(np.uint8)
        values[:8] = rng.integers(0, 9, values[:8].shape)
        write_multiscale(tmp_path / name, values, chunks=(8, 8, 8))
    array = {"shape": (12, 12, 12), "scale": (scale,) * 3}
    known, read = (
        CellMapDataset(
            str(tmp_path / "raw"),
            str(tmp_path / "labels" / "[a,b]"),
            ["a", "b"],
            {"raw": array},
            {"labels": array},
            pad=True,
            spatial_transforms=TRANSFORMS[transform],
            seed=3,
            plugins=plugins,
        )
        for plugins in (None, Unknowing())
    )
    for index in rng.integers(0, len(read), 25).tolist() * 3:
        one, other = known[index], read[index]
        np.testing.assert_array_equal(one["labels"], other["labels"])
        np.testing.assert_allclose(one["raw"], other["raw"], rtol=1e-6)
