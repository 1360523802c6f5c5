"""The volumes that plugin authors write."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset
from cellmap_data.errors import ConfigurationError
from cellmap_data.storage import open_array
from cellmap_data.testing import ramp, write_crop, write_labels, write_volume

PATCH = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


@pytest.mark.parametrize(
    ("shape", "index", "value"), [((7, 8, 9), (3, 4, 5), 30_405), ((8, 9), (4, 5), 405)], ids=["3-D", "2-D"]
)
def test_each_value_of_a_ramp_is_its_index(shape, index, value):
    """A voxel says where it lies."""
    assert ramp(shape)[index] == value
    assert len(np.unique(ramp(shape))) == ramp(shape).size


@pytest.mark.parametrize("options", [{"ngff": "0.4"}, {"ngff": "0.5"}], ids=str)
def test_a_dataset_finds_every_voxel_of_a_volume(tmp_path, options):
    """Voxel size, translation and levels are where a dataset looks for them."""
    path = write_volume(tmp_path / "raw", ramp((24, 24, 24)), (16, 8, 4), (160, 80, 40), levels=2, **options)
    for level, scale in enumerate([(16, 8, 4), (32, 16, 8)]):
        patch = {"shape": (4, 4, 4), "scale": scale}
        dataset = CellMapDataset(path, None, None, {"raw": patch}, is_train=False)
        stored = open_array(f"{path}/s{level}").read((slice(0, 4),) * 3)
        assert torch.equal(dataset[0]["raw"][0], torch.from_numpy(stored))
        edges = dataset.bounding_box
        assert [edges[axis][0] for axis in "zyx"] == [152, 76, 38]


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_a_crop_says_which_classes_are_annotated(tmp_path, ngff):
    """The others are unknown, and the blobs of a class do not depend on them."""
    raw, labels = write_crop(tmp_path / "part", classes=("a", "b", "c"), annotated=("a", "c"), ngff=ngff)
    assert labels == f"{tmp_path}/part/labels/[a,c]"
    dataset = CellMapDataset(raw, labels, ["a", "b", "c"], {"raw": PATCH}, {"labels": PATCH}, is_train=False)
    sample = dataset[0]
    assert sample["labels"][1].isnan().all()
    assert set(sample["labels"][[0, 2]].unique().tolist()) == {0.0, 1.0}
    raw, labels = write_crop(tmp_path / "whole", classes=("a", "b", "c"), ngff=ngff)
    whole = CellMapDataset(raw, labels, ["a", "b", "c"], {"raw": PATCH}, {"labels": PATCH}, is_train=False)
    assert torch.equal(whole[0]["labels"][[0, 2]], sample["labels"][[0, 2]])
    assert torch.equal(whole[0]["raw"], sample["raw"])


def test_labels_are_written_as_they_are_given(tmp_path):
    """The path that comes back is one that a dataset takes."""
    values = {"nuc": ramp((16, 16, 16), np.int32), "mito": np.ones((16, 16, 16), np.uint8)}
    path = write_labels(tmp_path, values, voxel_size=(4, 4, 4))
    raw = write_volume(tmp_path / "raw", np.zeros((16, 16, 16), np.uint8), (4, 4, 4))
    patch = {"shape": (16, 16, 16), "scale": (4, 4, 4)}
    sample = CellMapDataset(raw, path, ["mito", "nuc"], {"raw": patch}, {"labels": patch}, is_train=False)[0]
    assert (sample["labels"][0] == 1).all()
    assert torch.equal(sample["labels"][1], torch.from_numpy(values["nuc"]).to(sample["labels"].dtype))


def test_an_unknown_version_is_refused(tmp_path):
    """A version that is no other than the two is not written as one of them."""
    with pytest.raises(ConfigurationError, match=r"0\.4 or 0\.5"):
        write_volume(tmp_path, ramp((8, 8, 8)), ngff="0.6")
