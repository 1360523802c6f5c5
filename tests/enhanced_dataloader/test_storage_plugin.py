"""A plugin that brings a storage backend, used through the loader."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.hookspecs import hookimpl
from tests.volumes import write_multiscale


class Done:
    """A read that took no time."""

    def result(self):
        """Nothing to wait for."""


class Constant:
    """An array that is 7 everywhere."""

    shape, dtype = (24, 24, 24), np.dtype(np.uint8)

    def read_into(self, box, out):
        out[...] = 7
        return Done()

    def read(self, box):
        return np.full([part.stop - part.start for part in box], 7, self.dtype)


class Sevens:
    """Answers for every array of one volume."""

    name = "sevens"

    @hookimpl
    def open_array(self, uri):
        return Constant() if "sevens" in uri else None


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("late", [False, True], ids=["at-once", "added"])
def test_a_loader_s_plugin_opens_the_arrays_of_its_dataset(tmp_path, workers, late):
    """``open_array`` of a plugin given to the loader serves the dataset, here and in workers."""
    ramp = np.arange(24**3, dtype=np.uint8).reshape(24, 24, 24)
    raw = write_multiscale(tmp_path / "sevens.zarr", ramp)
    arrays = {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}}
    dataset = CellMapDataset(str(raw), None, None, arrays, None)
    with EnhancedCellMapDataLoader(
        dataset, batch_size=2, num_workers=workers, plugins=[] if late else [Sevens()], iterations_per_epoch=3
    ) as loader:
        if late:
            assert any((batch["raw"] != 7).any() for batch in loader)
            loader.add_plugin(Sevens())
        assert all((batch["raw"] == 7).all() for batch in loader)
