"""How often classes occur in a crop, and where its tiles lie."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from cellmap_data import CellMapDataset, EmptyImage
from cellmap_data.config import Pad
from cellmap_data.errors import ConfigurationError
from tests.volumes import make_crop, ramp, write_multiscale

CUBE = {"shape": (4, 4, 4), "scale": (8, 8, 8)}
COARSE = {"shape": (4, 4, 4), "scale": (16, 16, 16)}


@pytest.fixture
def crop(tmp_path):
    """Raw of 8^3 voxels; a is positive in 100 of them, b in none, with two levels each."""
    raw = write_multiscale(tmp_path / "raw", ramp((8, 8, 8), np.uint8), levels=2)
    a = np.zeros(512, np.uint16)
    a[:100] = 7
    for name, values in (("a", a), ("b", np.zeros_like(a))):
        write_multiscale(tmp_path / name, values.reshape(8, 8, 8), levels=2)
    return raw, f"{tmp_path}/[a,b]"


def test_classes_are_counted_in_class_order(crop) -> None:
    """Positive voxels and known ones for each class; one that is not annotated has neither."""
    dataset = CellMapDataset(*crop, ["b", "c", "a"], {"raw": CUBE}, {"l": CUBE})
    assert dataset.class_counts == {
        "totals": {"b": 0, "c": 0, "a": 100},
        "totals_total": {"b": 512, "c": 0, "a": 512},
    }
    assert list(dataset.class_counts["totals"]) == list(dataset.class_weights) == ["b", "c", "a"]
    assert all(isinstance(n, int) for counts in dataset.class_counts.values() for n in counts.values())


def test_weights_are_background_over_foreground(crop) -> None:
    """412 voxels of background for 100 of foreground; without foreground the weight is 1."""
    dataset = CellMapDataset(*crop, ["a", "b", "c"], {"raw": CUBE}, {"l": CUBE})
    assert dataset.class_weights == {"a": 4.12, "b": 1.0, "c": 1.0}


def test_the_level_of_the_first_target_counts(crop) -> None:
    """Of several targets the first one's voxels are counted."""
    fine, coarse = (
        CellMapDataset(*crop, ["a"], {"raw": CUBE}, targets).class_counts["totals_total"]["a"]
        for targets in ({"l": CUBE, "m": COARSE}, {"m": COARSE, "l": CUBE})
    )
    assert (fine, coarse) == (512, 64)


def test_counting_reads_each_label_once_and_raw_never(crop, tmp_path) -> None:
    """Asked twice, or by another dataset of the same crop, nothing is read again; no data file is touched."""
    for folder in (Path(crop[0]) / "s0", Path(crop[0]) / "s1"):
        for chunk in folder.rglob("0"):
            if chunk.is_file():
                chunk.write_bytes(b"garbage")  # raw cannot be read
    before = {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    counts = CellMapDataset(*crop, ["a", "b"], {"raw": CUBE}, {"l": CUBE}).class_counts
    assert {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    chunk = tmp_path / "a" / "s0" / "0" / "0" / "0"
    mode = chunk.stat()
    with open(chunk, "r+b") as file:  # in place: the folder does not change, so a second look would fail
        file.write(b"garbage")
    os.utime(chunk, ns=(mode.st_atime_ns, mode.st_mtime_ns))
    assert CellMapDataset(*crop, ["a", "b"], {"raw": CUBE}, {"l": CUBE}).class_counts == counts


def test_annotation_metadata_counts(crop, tmp_path) -> None:
    """What the volume says is believed; its unknown voxels are no background."""
    array = zarr.open(str(tmp_path / "a" / "s0"), mode="r+")
    array.attrs["cellmap"] = {"annotation": {"complement_counts": {"absent": 300, "unknown": 112}}}
    dataset = CellMapDataset(*crop, ["a"], {"raw": CUBE}, {"l": CUBE})
    assert dataset.class_counts == {"totals": {"a": 100}, "totals_total": {"a": 400}}
    assert dataset.class_weights == {"a": 3.0}


def test_counts_travel_with_a_pickle(crop) -> None:
    """A copy knows what was counted."""
    dataset = CellMapDataset(*crop, ["a"], {"raw": CUBE}, {"l": CUBE})
    counts = dataset.class_counts
    for path in (Path(crop[1]).parent / "a").rglob("0"):
        if path.is_file():
            path.unlink()
    assert pickle.loads(pickle.dumps(dataset)).class_counts == counts


def test_raw_only_counts_nothing(crop) -> None:
    """Without targets every class has 0 of 0."""
    dataset = CellMapDataset(crop[0], None, None, {"raw": CUBE})
    assert dataset.class_counts == {"totals": {}, "totals_total": {}}
    assert CellMapDataset(crop[0], None, ["a"], {"raw": CUBE}).class_counts["totals"] == {"a": 0}


def test_validation_tiles_cover_the_crop(tmp_path) -> None:
    """Samples at validation_indices hold every voxel of labels whose size is no multiple of the patch's."""
    values = np.arange(1, 9 * 7 * 5 + 1, dtype=np.uint16).reshape(9, 7, 5)
    raw = write_multiscale(tmp_path / "raw", values)
    write_multiscale(tmp_path / "a", values)
    spec = {"shape": (4, 3, 2), "scale": (8, 8, 8)}
    dataset = CellMapDataset(raw, f"{tmp_path}/a", ["a"], {"raw": spec}, {"l": spec})
    indices = dataset.validation_indices
    assert len(indices) == 3 * 3 * 3
    seen = np.concatenate([dataset[i]["l"].numpy().ravel() for i in indices])
    assert set(seen.astype(int)) == set(values.ravel())
    assert list(dataset.get_indices({"z": 32, "y": 24, "x": 16})) == list(indices)


def test_the_smallest_target_makes_the_tiles(crop) -> None:
    """Several targets are each covered; planes of thickness 1 take every plane."""
    plane = {"shape": (1, 4, 4), "scale": (8, 8, 8)}
    dataset = CellMapDataset(*crop, ["a"], {"raw": CUBE}, {"l": CUBE, "flat": plane})
    assert dataset.validation_indices.tiles == (5, 2, 2)
    flat = CellMapDataset(*crop, ["a"], {"raw": plane}, {"flat": plane})
    assert flat.validation_indices.tiles == (8, 2, 2)


def test_raw_only_is_tiled_by_its_inputs(crop) -> None:
    """Without targets the inputs cover the volume."""
    assert CellMapDataset(crop[0], input_arrays={"raw": CUBE}).validation_indices.tiles == (2, 2, 2)


@pytest.mark.parametrize(
    "chunk",
    [
        {"z": 8, "y": 8},
        {"z": 8, "y": 8, "x": 0},
        {"z": 8, "y": 8, "x": 8, "c": 1},
        {"z": 8, "y": 8, "x": "8 nm"},
        {"z": 8, "y": 8, "x": float("nan")},
        8,
    ],
    ids=str,
)
def test_tiles_need_a_size_along_each_axis(chunk, crop) -> None:
    """A missing axis, one too many, a size of nothing or none at all is an error."""
    with pytest.raises(ConfigurationError):
        CellMapDataset(crop[0], input_arrays={"raw": CUBE}).get_indices(chunk)


@pytest.mark.parametrize("count", [-1, 0, "many", 1.5, True], ids=repr)
def test_a_subset_has_a_number_of_positions(count, crop) -> None:
    """What counts nothing is refused when the sampler is made."""
    with pytest.raises(ConfigurationError, match=r"(?s)num_samples is a whole number.*from 1 on"):
        CellMapDataset(crop[0], input_arrays={"raw": CUBE}).get_subset_random_sampler(count)


def test_a_class_that_is_not_annotated_has_an_empty_source(crop) -> None:
    """target_sources has every class; those nobody annotated hold no voxels."""
    dataset = CellMapDataset(*crop, ["a", "c"], {"raw": CUBE}, {"l": CUBE, "m": COARSE})
    for sources in (dataset.target_sources, *dataset.target_array_sources.values()):
        assert isinstance(sources["c"], EmptyImage)
        assert sources["c"][dataset.get_center(0)].isnan().all()
        assert list(sources) == ["a", "c"]
    assert dataset.target_sources["a"].class_counts == dataset.class_counts["totals"]["a"]


def test_what_was_asked_for_can_be_asked_back(tmp_path) -> None:
    """The arguments are attributes, and follow what is set later."""
    raw, labels = make_crop(tmp_path)
    relations, mirror = {"nuc": ["mito"]}, {"mirror": {"x": 0.5}}
    options = {"class_relation_dict": relations, "spatial_transforms": mirror, "empty_value": -1.0}
    dataset = CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, {"l": CUBE}, pad=True, **options)
    assert (dataset.raw_path, dataset.target_path, dataset.pad) == (raw, labels, Pad.CONSTANT)
    assert {name: getattr(dataset, name) for name in options} == options
    assert dataset.raw_value_transforms is dataset.target_value_transforms is None
    dataset.set_raw_value_transforms(abs)
    dataset.set_target_value_transforms([abs])
    dataset.set_spatial_transforms(None)
    assert (dataset.raw_value_transforms, dataset.target_value_transforms) == (abs, [abs])
    assert dataset.spatial_transforms is None


def test_a_dataset_without_positions_says_why(tmp_path) -> None:
    """The error names the axis, the patch and the space there is, and what to do."""
    raw, labels = make_crop(tmp_path, (16, 3, 16))
    dataset = CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, {"l": CUBE})
    assert not dataset.verify()
    assert len(dataset.validation_indices) == 0
    for ask in (lambda: dataset[0], lambda: dataset.get_center(0), lambda: dataset.describe(-1)):
        with pytest.raises(
            IndexError, match=r"along y patches of 32 nm, of volumes that share 24 nm(.|\n)*pad=True"
        ):
            ask()
    assert list(dataset) == []


def test_a_class_spelt_almost_right_is_pointed_out(tmp_path) -> None:
    """Where nothing that was asked for is annotated, what was perhaps meant is named."""
    raw, labels = make_crop(tmp_path, classes=("mito_mem", "nuc"))
    with pytest.warns(UserWarning, match="Did you mean mito_mem for mito_men"):
        CellMapDataset(raw, labels, ["mito_men", "ecs"], {"raw": CUBE}, {"l": CUBE})
