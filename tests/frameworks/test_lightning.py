"""The data module of Lightning: one split, two loaders."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapDataSplit
from cellmap_data.errors import ConfigurationError
from cellmap_data.testing import write_volume

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> CellMapDataSplit:
    """A crop to train on and one to validate with, of 27 tiles."""
    folder, crops = tmp_path_factory.mktemp("crops"), {}
    for usage in ("train", "validate"):
        raw = write_volume(folder / f"{usage}.zarr", np.zeros((20, 20, 20), np.uint8))
        write_volume(folder / f"{usage}_labels.zarr/nuc", np.ones((20, 20, 20), np.uint8))
        crops[usage] = [{"raw": raw, "gt": str(folder / f"{usage}_labels.zarr/[nuc]")}]
    return CellMapDataSplit({"raw": CUBE}, {"labels": CUBE}, ["nuc"], dataset_dict=crops)


@pytest.mark.parametrize(
    "options",
    [
        {"patches_per_window": 2, "window": 12, "windows_at_once": 2},
        {"drop_last": True},
        {"shuffle": True},
        {"batch_sampler": [[0, 1], [2, 3]]},
        {"sampler": [5, 6]},
        {"weighted_sampler": True},
        {"iterations_per_epoch": 2},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_chooses_samples_is_for_training(options, split) -> None:
    """Every tile is validated, each once and in sequence, whichever samples are trained on."""
    pytest.importorskip("lightning")
    from cellmap_data.lightning import CellMapDataModule

    batch_size = 1 if "batch_sampler" in options else 5
    module = CellMapDataModule(split, batch_size=batch_size, **options)
    positions = [i for batch in module.val_dataloader() for i in batch["idx"].tolist()]
    assert positions == list(split.validation_blocks.indices)
    assert next(iter(module.train_dataloader()))["raw"].shape[0] <= 5


def test_a_module_says_what_it_is_without_reading(split) -> None:
    """Nothing is read to print it, and what is no split is refused at once."""
    pytest.importorskip("lightning")
    from cellmap_data.lightning import CellMapDataModule

    module = CellMapDataModule(split, batch_size=5, plugins=["nobody.has_this"])
    assert str(module) == repr(module) == f"CellMapDataModule({split!r}, batch_size=5)"
    with pytest.raises(ConfigurationError, match=r"CellMapDataSplit(.|\n)*CellMapMultiDataset"):
        CellMapDataModule(split.train_datasets_combined)
