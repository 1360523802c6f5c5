"""A plugin that brings a storage backend, used through the loader."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from torch.utils.data import ConcatDataset, Subset

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.hookspecs import hookimpl
from tests.volumes import write_multiscale


class Done:
    """A read that took no time."""

    def result(self):
        """Nothing to wait for."""


class Constant:
    """An array that is 7 everywhere."""

    shape, dtype, value = (24, 24, 24), np.dtype(np.uint8), 7

    def read_into(self, box, out):
        out[...] = self.value
        return Done()

    def read(self, box):
        return np.full([part.stop - part.start for part in box], self.value, self.dtype)


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
        loader.remove_plugin("sevens")
        assert any((batch["raw"] != 7).any() for batch in loader)


def test_a_plugin_brings_a_backend_of_its_own(tmp_path):
    """Arrays that only the plugin can open need not be zarr: metadata beside them is enough."""
    raw = write_multiscale(tmp_path / "sevens.zarr", np.zeros((24, 24, 24), np.uint8))
    shutil.rmtree(f"{raw}/s0")
    arrays = {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}}
    dataset = CellMapDataset(str(raw), None, None, arrays, None)
    loader = EnhancedCellMapDataLoader(dataset, plugins=[Sevens()], iterations_per_epoch=2)
    assert all((batch["raw"] == 7).all() for batch in loader)


def test_datasets_are_found_inside_torch_s_own(tmp_path):
    """Torch's own datasets hide none from a storage plugin; a dataset's own plugins are asked too."""
    raw = write_multiscale(tmp_path / "ramp.zarr", np.zeros((24, 24, 24), np.uint8))
    arrays = {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}}
    own = CellMapDataset(str(raw), None, None, arrays, None, plugins=Eights())
    sevens = write_multiscale(tmp_path / "sevens.zarr", np.zeros((24, 24, 24), np.uint8))
    lent = CellMapDataset(str(sevens), None, None, arrays, None)
    both = Subset(ConcatDataset([own, lent]), [0, len(own)])
    loader = EnhancedCellMapDataLoader(both, batch_size=2, is_train=False, plugins=[Sevens()])
    (batch,) = list(loader)
    assert [int(patch.unique()) for patch in batch["raw"]] == [8, 7]


class Eights:
    """What a dataset was given itself."""

    def open_array(self, uri, context):
        reader = Constant()
        reader.value = 8
        return reader

    def add_spatial_transforms(self, table):
        """Nothing to add."""
