"""What is wrong is named, all of it, when it is known."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from cellmap_data import CellMapDataset
from cellmap_data.errors import (
    ConfigurationError,
    MetadataError,
    SampleError,
    StoreError,
    StoreNotFoundError,
)
from tests.volumes import make_crop, ramp, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


def test_making_a_dataset_opens_nothing(tmp_path) -> None:
    """A path that does not exist is an error when positions are asked for, not before."""
    dataset = CellMapDataset(
        str(tmp_path / "raw"), str(tmp_path / "[nuc]"), ["nuc"], {"raw": CUBE}, {"l": CUBE}
    )
    for ask in (dataset.__len__, dataset.verify, lambda: dataset.sampling_box, lambda: dataset[0]):
        with pytest.raises(StoreNotFoundError, match=str(tmp_path / "raw")):
            ask()


def test_all_faults_of_a_crop_are_one_error(tmp_path) -> None:
    """Everything that is missing or wrong is listed with its path, each once."""
    raw = write_multiscale(tmp_path / "raw", ramp((16, 16, 16)))
    write_multiscale(tmp_path / "labels" / "good", ramp((16, 16, 16), np.uint8))
    no_multiscale = Path(write_multiscale(tmp_path / "labels" / "plain", ramp((16, 16, 16))))
    (no_multiscale / ".zattrs").write_text("{}")
    wrong_axes = Path(write_multiscale(tmp_path / "labels" / "axes", ramp((16, 16, 16))))
    attributes = json.loads((wrong_axes / ".zattrs").read_text())
    attributes["multiscales"][0]["axes"][0]["name"] = "q"
    (wrong_axes / ".zattrs").write_text(json.dumps(attributes))
    no_level = Path(write_multiscale(tmp_path / "labels" / "level", ramp((16, 16, 16))))
    (no_level / "s0").rename(no_level / "gone")
    classes = ["good", "plain", "axes", "level", "absent"]
    dataset = CellMapDataset(
        raw,
        f"{tmp_path}/labels/[{','.join(classes)}]",
        classes,
        {"raw": CUBE},
        {"l": CUBE, "m": {"shape": (4, 4, 4), "scale": (8, 8, 8)}},
    )
    with pytest.raises(StoreError) as caught:
        len(dataset)
    text = str(caught.value)
    for name, times in (("plain", 1), ("axes", 1), ("level/s0", 1), ("absent", 1), ("good", 0)):
        assert text.count(f"labels/{name}\n") == times, (name, text)


@pytest.mark.parametrize(
    ("axes", "shape", "supported"),
    [("czyx", (2, 8, 8, 8), "of length 1"), ("zyx", (8, 8), "3 axes")],
    ids=["two channels", "an axis too few"],
)
def test_axes_that_cannot_be_read_are_named(axes, shape, supported, tmp_path) -> None:
    """An array with several channels, or other axes than its metadata, is an error that says what is read."""
    path = Path(write_multiscale(tmp_path, np.zeros(shape, np.uint8), (1,) * 4, (0,) * 4, chunks=shape))
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0]["axes"] = [
        {"name": "c", "type": "channel"}
        if name == "c"
        else {"name": name, "type": "space", "unit": "nanometer"}
        for name in axes
    ]
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [8] * len(axes)}
    ]
    (path / ".zattrs").write_text(json.dumps(attributes))
    with pytest.raises(MetadataError, match=supported) as caught:
        len(CellMapDataset(str(path), input_arrays={"raw": CUBE}))
    assert f"{path}/s0" in str(caught.value)


def test_a_failing_read_names_array_index_and_path(tmp_path) -> None:
    """A chunk that does not decode is a SampleError that says where; other positions still read."""
    raw, labels = make_crop(tmp_path, (16, 16, 32))
    (tmp_path / "labels" / "mito" / "s0" / "0" / "0" / "1").write_bytes(b"garbage")
    dataset = CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": CUBE}, {"l": CUBE})
    last = len(dataset) - 1
    with pytest.raises(SampleError) as caught:
        dataset.__getitems__([0, last])
    for part in ("'l'", f"index {last}", f"{tmp_path}/labels/mito/s0"):
        assert part in str(caught.value)
    assert isinstance(caught.value.__cause__, StoreError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert int(dataset[0]["idx"]) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"input_arrays": {}}, "at least one input"),
        ({"target_path": None}, "target_path"),
        ({"classes": ["nuc", "nuc"]}, "different names"),
        ({"classes": "nuc"}, "list of different names"),
        ({"classes": 3}, "list of different names"),
        ({"classes": [3]}, "list of different names"),
        ({"input_arrays": [1, 2]}, "input_arrays: expected a mapping, got list"),
        ({"target_arrays": "labels"}, "target_arrays: expected a mapping, got str"),
        ({"dtype": "float16"}, "native"),
        ({"dtype": "native", "target_arrays": {"l": CUBE, "l_known": CUBE}}, "'l_known' names an array"),
        ({"axis_order": "xyz"}, "zyx"),
        ({"pad": "reflect"}, "constant"),
        ({"seed": "a"}, "seed is a whole number"),
        ({"raw_value_transforms": 3}, "callable from tensor to tensor"),
        ({"spatial_transforms": {"miror": {"x": 0.5}}}, "mirror"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_arguments_that_cannot_be_right_are_refused_at_once(change, match, tmp_path) -> None:
    """What needs no file to be known wrong is an error of the constructor."""
    arguments = {
        "raw_path": str(tmp_path),
        "target_path": str(tmp_path / "[nuc]"),
        "classes": ["nuc"],
        "input_arrays": {"raw": CUBE},
        "target_arrays": {"l": CUBE},
    }
    with pytest.raises(ConfigurationError, match=match):
        CellMapDataset(**(arguments | change))


def test_asking_for_finer_voxels_than_there_are_warns_once(tmp_path) -> None:
    """A scale finer than the finest level is upsampled, with one warning for all arrays of a dataset."""
    raw, labels = make_crop(tmp_path)
    fine = {"shape": (8, 8, 8), "scale": (4, 4, 4)}
    dataset = CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": fine}, {"l": fine})
    with pytest.warns(UserWarning, match="Finer voxels") as caught:
        dataset[0]
    dataset[1]
    pickle.loads(pickle.dumps(dataset))[2]
    assert len(caught) == 1
