"""From folders of volumes to the table of a split."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from cellmap_data.datasplit import make_datasplit
from cellmap_data.datasplit.scanning import find_crops
from cellmap_data.datasplit.table import read_table
from cellmap_data.errors import ConfigurationError, OutputExistsError, SplitError, StoreError
from cellmap_data.testing import write_crop, write_labels, write_volume
from tests.datasplit.crops import split_of, write_dataset

SMALL = np.ones((12, 12, 12), np.uint8)
CROPS = [(f"crop{number}", ["nuc", "mito"][: 1 + number % 2], number * 104) for number in range(4)]


@pytest.fixture
def folder(tmp_path):
    """Two volumes of four crops each."""
    for name in ("jrc_a", "jrc_b"):
        write_dataset(tmp_path / "data" / name, CROPS)
    return tmp_path / "data"


def test_the_table_is_what_a_split_reads(folder, tmp_path) -> None:
    """Each crop is there once, with the classes that it has; a fraction of them is for validation."""
    made = make_datasplit(folder, tmp_path / "split.csv", validation_fraction=0.25)
    split = split_of(csv_path=made.path)
    assert (len(split.train_datasets), len(split.validation_datasets)) == (6, 2)
    assert len(made.of("validate")) == 2
    assert made.left_out == ()
    found = sorted((crop.raw_path, crop.target_path) for crops in split.datasets.values() for crop in crops)
    assert found == sorted((row.raw, row.labels) for row in made.rows)
    store = f"{folder}/jrc_a/jrc_a.zarr"
    labels = "recon-1/labels/groundtruth/crop1/[mito,nuc]"
    assert found[1] == (f"{store}/recon-1/em/fibsem-uint8", f"{store}/{labels}")
    line = f'"{store}","recon-1/em/fibsem-uint8","{store}","{labels}"'
    assert line in Path(made.path).read_text()


def test_the_use_of_a_crop_follows_from_the_seed(folder, tmp_path) -> None:
    """The same wherever the folders lie; another for another seed; mostly the same when crops are added."""

    def uses(root, seed, count) -> set[str]:
        made = make_datasplit(root, tmp_path / "s.csv", seed=seed, overwrite=True, validation_fraction=0.5)
        assert len(made.of("validate")) == count
        return {os.path.relpath(row.place, root) for row in made.of("validate")}

    before = uses(folder, 0, 4)
    assert len({frozenset(uses(folder, seed, 4)) for seed in range(6)}) > 1
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    assert uses(moved, 0, 4) == before
    write_dataset(moved / "jrc_c", CROPS[:2])
    assert len(uses(moved, 0, 5) & before) >= 3


@pytest.mark.parametrize("seed", range(4))
def test_crops_that_overlap_have_the_same_use(seed, tmp_path) -> None:
    """What is written is no leak, also where crops overlap in a chain."""
    crops = [(f"crop{number}", ["nuc"], y) for number, y in enumerate((0, 80, 160, 300, 400))]
    write_dataset(tmp_path / "jrc_a", crops)
    made = make_datasplit(tmp_path, tmp_path / "s.csv", seed=seed, validation_fraction=0.3)
    assert len({row.usage for row in made.rows if row.place[-1] in "012"}) == 1
    assert len(made.of("validate")) in (1, 2)
    assert split_of(csv_path=made.path).leaks == ()


def test_one_crop_at_least_is_for_validation(folder, tmp_path) -> None:
    """A small fraction of few crops is one; none only if none was asked for."""
    options = {"csv_path": tmp_path / "s.csv", "overwrite": True}
    assert len(make_datasplit(folder, validation_fraction=0.01, **options).of("validate")) == 1
    assert len(make_datasplit(folder, validation_fraction=0.99, **options).of("train")) == 1
    assert len(make_datasplit(folder, validation_fraction=0, **options).of("validate")) == 0
    assert len(make_datasplit(folder, validation_fraction=1, **options).of("train")) == 0
    with pytest.raises(ConfigurationError, match="fraction"):
        make_datasplit(folder, validation_fraction=20, **options)


def test_a_table_is_not_replaced_unless_asked(folder, tmp_path) -> None:
    """The error is FileExistsError, the file is as it was; nothing unfinished is left beside it."""
    table = tmp_path / "split.csv"
    table.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"split\.csv(.|\n)*overwrite=True") as caught:
        make_datasplit(folder, table)
    assert isinstance(caught.value, FileExistsError)
    assert table.read_text() == "mine"
    make_datasplit(folder, table, overwrite=True)
    assert len(read_table(table)) == 8
    assert sorted(os.listdir(tmp_path)) == ["data", "split.csv"]


def test_classes_that_are_not_wanted_are_not_listed(folder, tmp_path) -> None:
    """Crops that have none of those asked for are left out, and told with what they have."""
    made = make_datasplit(folder, tmp_path / "s.csv", classes=["mito", "er"])
    assert {row.labels.rpartition("/")[2] for row in made.rows} == {"[mito]"}
    assert len(made.rows) == len(made.left_out) == 4
    assert str(made.left_out[0]).endswith("crop0: none of these classes, but nuc")


def test_buckets_are_not_searched(tmp_path) -> None:
    """A folder that is not on this machine is refused with what to do instead."""
    with pytest.raises(ConfigurationError, match=r"on this machine(.|\n)*wildcards"):
        make_datasplit("s3://bucket/data", tmp_path / "s.csv")


def test_nothing_found_is_an_error(tmp_path) -> None:
    """Folders without labels, and crops without raw, are told."""
    with pytest.raises(ConfigurationError, match="no folder"):
        make_datasplit(tmp_path / "nope", tmp_path / "s.csv")
    with pytest.raises(SplitError, match="no labels in"):
        make_datasplit(tmp_path, tmp_path / "s.csv")
    write_labels(tmp_path / "labels" / "crop1", {"nuc": SMALL})
    with pytest.raises(SplitError, match="crop1: no raw volume"):
        make_datasplit(tmp_path, tmp_path / "s.csv")
    write_volume(tmp_path / "raw", SMALL)
    with pytest.raises(StoreError, match="make the folder that it goes to first"):
        make_datasplit(tmp_path, tmp_path / "nope" / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def found(root, raw=None) -> dict[str, tuple[str, tuple[str, ...]]]:
    crops = find_crops(str(root), raw)
    return {
        os.path.relpath(crop.folder, root): (crop.raw and os.path.relpath(crop.raw, root), crop.classes)
        for crop in crops
    }


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_layouts_that_are_understood(ngff, tmp_path) -> None:
    """Labels beside raw, within the image as the format has it, and several stores in one folder."""
    write_crop(tmp_path / "beside", (12, 12, 12), ngff=ngff)
    write_volume(tmp_path / "image.zarr", SMALL, ngff=ngff)
    write_labels(tmp_path / "image.zarr" / "labels", {"cells": SMALL}, ngff=ngff)
    write_volume(tmp_path / "deep" / "er" / "a.zarr" / "raw", SMALL, ngff=ngff)
    write_labels(tmp_path / "deep" / "er" / "a.zarr" / "labels" / "crop1", {"er": SMALL}, ngff=ngff)
    assert found(tmp_path) == {
        "beside/labels": ("beside/raw", ("mito", "nuc")),
        "image.zarr/labels": ("image.zarr", ("cells",)),
        "deep/er/a.zarr/labels/crop1": ("deep/er/a.zarr/raw", ("er",)),
    }
    assert found(tmp_path / "image.zarr") == {"labels": (".", ("cells",))}


def test_only_ground_truth_counts_where_there_is_some(tmp_path) -> None:
    """Predictions and masks that lie among the labels are no crops."""
    write_dataset(tmp_path / "jrc_a", CROPS[:1])
    store = tmp_path / "jrc_a" / "jrc_a.zarr" / "recon-1"
    write_labels(store / "labels" / "inference" / "segmentations", {"mito": SMALL})
    write_labels(store / "labels" / "masks", {"evaluation": SMALL})
    assert [os.path.basename(folder) for folder in found(tmp_path)] == ["crop0"]


def test_which_raw_of_several(tmp_path) -> None:
    """The usual name wins, another can be asked for, and otherwise it is not guessed."""
    write_dataset(tmp_path / "jrc_a", CROPS[:1])
    em = tmp_path / "jrc_a" / "jrc_a.zarr" / "recon-1" / "em"
    write_volume(em / "fibsem-uint16", SMALL)
    assert [raw.rpartition("/")[2] for raw, _ in found(tmp_path).values()] == ["fibsem-uint8"]
    ((raw, _),) = found(tmp_path, "em/fibsem-uint16").values()
    assert raw.endswith("/fibsem-uint16")
    shutil.move(em / "fibsem-uint8", em / "fibsem-int8")
    (crop,) = find_crops(str(tmp_path))
    assert crop.raw == ""
    assert "several raw volumes are as close" in crop.why


def test_a_crop_does_not_take_the_raw_of_another(tmp_path) -> None:
    """Labels whose own raw is missing are not given the raw of the next folder."""
    write_dataset(tmp_path / "jrc_a", CROPS[:1])
    write_dataset(tmp_path / "jrc_b", CROPS[:1])
    shutil.rmtree(tmp_path / "jrc_b" / "jrc_b.zarr" / "recon-1" / "em")
    made = make_datasplit(tmp_path, tmp_path / "s.csv")
    assert [row.place.count("jrc_a") for row in made.rows] == [2]
    assert [str(row).endswith("crop0: no raw volume") for row in made.left_out] == [True]


def test_links_that_go_in_a_circle_end(tmp_path) -> None:
    """A folder that links to one above it is looked at once."""
    write_dataset(tmp_path / "jrc_a", CROPS[:1])
    os.symlink(tmp_path, tmp_path / "jrc_a" / "again")
    assert len(found(tmp_path)) == 1
