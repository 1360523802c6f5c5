"""What is in training must not be in validation."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellmap_data.datasplit.leaks import overlaps
from cellmap_data.errors import SplitError
from cellmap_data.testing import write_volume
from tests.datasplit.crops import CUBE, CellMapDataSplit, labels_of, split_of, write_dataset

BOXES = hnp.arrays(np.float64, (2, 3), elements=st.integers(0, 6)).map(lambda box: np.sort(box, axis=0))


@given(some=st.lists(BOXES, min_size=1, max_size=12), others=st.lists(BOXES, min_size=1, max_size=12))
def test_all_overlaps_are_found_and_no_others(some, others) -> None:
    """Sorting finds what comparing each with each does; boxes that touch, or hold nothing, do not overlap."""
    expected = {
        (i, j)
        for i, (lo, hi) in enumerate(some)
        for j, (other_lo, other_hi) in enumerate(others)
        if (np.minimum(hi, other_hi) > np.maximum(lo, other_lo)).all()
    }
    found = {
        (i, j)
        for i, j in overlaps(np.stack(some), np.stack(others))
        if (some[i][0] < some[i][1]).all() and (others[j][0] < others[j][1]).all()
    }
    assert found == expected


def entries(raw, *crops) -> list[dict[str, str]]:
    return [{"raw": raw, "gt": labels_of(raw, crop, ("nuc",))} for crop in crops]


def test_overlapping_crops_are_an_error_that_names_both(tmp_path) -> None:
    """The rows, the volume and the shared box in nm are told, of every pair."""
    crops = [("crop1", ["nuc"], 0), ("crop2", ["nuc"], 80), ("crop3", ["nuc"], 200)]
    raw = write_dataset(tmp_path / "a", crops)
    given = {"train": entries(raw, "crop1", "crop3"), "validate": entries(raw, "crop2", "crop3")}
    with pytest.raises(SplitError) as caught:
        split_of(dataset_dict=given)
    first, second = (line for line in str(caught.value).splitlines() if line.startswith("    - "))
    assert first == (
        "    - dataset_dict['train'][0] and dataset_dict['validate'][0] share "
        f"z -4 to 92, y 76 to 92, x -4 to 92 nm of {raw}"
    )
    assert "dataset_dict['train'][1] and dataset_dict['validate'][1]" in second
    allowed = split_of(dataset_dict=given, allow_overlap=True)
    assert [leak.box["y"] for leak in allowed.leaks] == [(76, 92), (196, 292)]
    assert len(allowed.validation_datasets) == 2


@pytest.mark.parametrize("y", [96, 200], ids=["touching", "apart"])
def test_crops_of_one_volume_that_do_not_overlap_are_none(y, tmp_path) -> None:
    """That both see the same raw is as it should be, and so is a common face."""
    raw = write_dataset(tmp_path / "a", [("crop1", ["nuc"], 0), ("crop2", ["nuc"], y)])
    split = split_of(dataset_dict={"train": entries(raw, "crop1"), "validate": entries(raw, "crop2")})
    assert split.leaks == ()


def test_faces_that_touch_but_for_float_error_do_not_overlap(tmp_path) -> None:
    """Sizes such as 5.24 nm leave crops beside each other beside each other."""
    voxel, arrays = (5.24,) * 3, {"raw": {"shape": (4, 4, 4), "scale": (5.24,) * 3}}
    values = np.zeros((12, 12, 12), np.uint8)
    raw = write_volume(tmp_path / "raw", np.zeros((64, 12, 12), np.uint8), voxel)
    for number in range(5):
        write_volume(tmp_path / f"crop{number}/nuc", values, voxel, (number * 12 * 5.24, 0, 0))
    rows = [{"raw": raw, "gt": f"{tmp_path}/crop{number}/[nuc]"} for number in range(5)]
    given = {"train": rows[::2], "validate": rows[1::2]}
    split = CellMapDataSplit(arrays, {"gt": arrays["raw"]}, ["nuc"], dataset_dict=given)
    assert split.leaks == ()


def test_a_volume_is_known_behind_a_link(tmp_path) -> None:
    """Another spelling of the path, or a link, does not hide that it is the same volume."""
    raw = write_dataset(tmp_path / "a", [("crop1", ["nuc"], 0)])
    os.symlink(tmp_path / "a", tmp_path / "b")
    other = raw.replace(f"{tmp_path}/a/", f"{tmp_path}/b/./")
    with pytest.raises(SplitError, match="overlap"):
        split_of(dataset_dict={"train": entries(raw, "crop1"), "val": entries(other, "crop1")})


def test_the_same_labels_leak_whatever_the_raw_volume(tmp_path) -> None:
    """Labels that serve two raw volumes, say one denoised, are in training and in validation."""
    raw = write_dataset(tmp_path / "a", [("crop1", ["nuc"], 0)])
    denoised = write_volume(tmp_path / "denoised", np.zeros((16, 64, 32), np.uint8))
    labels = labels_of(raw, "crop1", ("nuc",))
    given = {"train": entries(raw, "crop1"), "val": [{"raw": denoised, "gt": labels}]}
    with pytest.raises(SplitError, match="labels/groundtruth/crop1/nuc"):
        split_of(dataset_dict=given)


def test_raw_only_crops_are_whole_volumes(tmp_path) -> None:
    """A volume without labels is sampled everywhere: it cannot be in both."""
    raws = [write_dataset(tmp_path / name) for name in "ab"]
    given = {"train": [{"raw": raws[0]}], "validate": [{"raw": raws[1]}]}
    assert CellMapDataSplit({"raw": CUBE}, dataset_dict=given).leaks == ()
    given["validate"] += [{"raw": raws[0]}]
    with pytest.raises(SplitError, match=r"dataset_dict\['validate'\]\[1\]"):
        CellMapDataSplit({"raw": CUBE}, dataset_dict=given)


def test_thousands_of_crops_are_compared() -> None:
    """Eight million pairs are looked through as whole arrays, and those that overlap are found."""
    corners = np.random.default_rng(0).random((6000, 3)) * 1e6
    boxes = np.stack([corners, corners + 50_000], axis=1)
    some, others = boxes[:4000], boxes[4000:]
    near = np.ones((4000, 2000), np.bool_)
    for axis in range(3):
        near &= abs(some[:, 0, axis, None] - others[:, 0, axis]) < 50_000
    assert sorted(overlaps(some, others)) == [tuple(pair) for pair in np.argwhere(near)]
