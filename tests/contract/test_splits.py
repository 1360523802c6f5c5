"""Splits and subsets, as training scripts make and use them."""

from __future__ import annotations

import functools
import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from cellmap_data import (
    CellMapDataLoader,
    CellMapDataset,
    CellMapDataSplit,
    CellMapMultiDataset,
    CellMapSubset,
    EnhancedCellMapDataLoader,
)
from cellmap_data.errors import BrokenRowWarning, SplitError
from cellmap_data.testing import ramp, write_crop, write_labels, write_volume
from tests.contract.crops import CUBE, INPUTS, TARGETS, kept

CLASSES = ["nuc", "mito"]
SIGNATURE = {
    "target_arrays": None,
    "classes": None,
    "pad": False,
    "datasets": None,
    "dataset_dict": None,
    "csv_path": None,
    "spatial_transforms": None,
    "class_relation_dict": None,
    "force_has_data": False,
    "context": None,
    "device": None,
}
TINY = {"shape": (4, 4, 4), "scale": (8, 8, 8)}


@pytest.fixture
def rows(tmp_path) -> dict[str, list[dict[str, str]]]:
    """Two crops to train on, two to validate with."""
    written = [write_crop(tmp_path / f"crop{n}.zarr", (12, 12, 12), seed=n) for n in range(4)]
    entries = [{"raw": raw, "gt": labels} for raw, labels in written]
    return {"train": entries[:2], "validate": entries[2:]}


def split_of(rows, **options) -> CellMapDataSplit:
    return CellMapDataSplit(INPUTS, TARGETS, CLASSES, dataset_dict=rows, **{"seed": 3, **options})


def test_arguments_have_their_names_and_defaults() -> None:
    """Everything a script names is there and means the same when it is left out."""
    parameters = inspect.signature(CellMapDataSplit).parameters
    assert list(parameters)[:3] == ["input_arrays", "target_arrays", "classes"]
    assert {name: parameters[name].default for name in SIGNATURE} == SIGNATURE
    assert math.isnan(parameters["empty_value"].default)
    for name in ("train_raw_value_transforms", "val_raw_value_transforms", "target_value_transforms"):
        assert parameters[name].default


@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
@pytest.mark.parametrize("head", ["", "split,a,b,c,d\n", "# crops\n\n"], ids=["none", "header", "comment"])
@pytest.mark.parametrize("columns", [3, 4, 5])
def test_tables_are_read(columns, head, quote, rows, tmp_path) -> None:
    """Five columns are joined pairwise, three or four are paths; quotes, comments and a header may be."""
    lines = []
    for usage, entries in rows.items():
        for entry in entries:
            store = entry["raw"].removesuffix("/raw")
            paths = [store, "raw", store, entry["gt"].removeprefix(f"{store}/")]
            paths = paths if columns == 5 else [entry["raw"], entry["gt"], "remark"][: columns - 1]
            lines.append(",".join(f"{quote}{cell}{quote}" for cell in [usage, *paths]))
    table = tmp_path / "datasplit.csv"
    table.write_text(head + "\n".join(lines) + "\n")
    split = CellMapDataSplit(INPUTS, TARGETS, CLASSES, csv_path=str(table))
    for usage, entries in rows.items():
        found = [(crop.raw_path, crop.target_path) for crop in split.datasets[usage]]
        assert found == [(entry["raw"], entry["gt"]) for entry in entries]


def test_a_split_has_datasets_and_combined_datasets(rows) -> None:
    """One dataset for each row, and all of a use as one."""
    split = split_of(rows)
    assert [type(crop) for crop in split.train_datasets] == [CellMapDataset] * 2
    assert [crop.raw_path for crop in split.validation_datasets] == [row["raw"] for row in rows["validate"]]
    for whole in (split.train_datasets_combined, split.validation_datasets_combined):
        assert isinstance(whole, CellMapMultiDataset)
        assert len(whole) == 2 * 125
    assert split.class_counts["train"] == split.train_datasets_combined.class_counts
    assert split.class_counts["validate"] == split.validation_datasets_combined.class_counts
    assert (split.classes, split.input_arrays, split.target_arrays) == (CLASSES, INPUTS, TARGETS)


def test_datasets_are_taken_as_they_are(rows) -> None:
    """Who has made datasets hands them over."""
    made = split_of(rows)
    split = split_of(None, datasets={"train": made.train_datasets, "validate": made.validation_datasets})
    assert split.train_datasets == made.train_datasets
    assert split.validation_datasets == made.validation_datasets


def test_validation_blocks_are_a_subset_that_answers(rows) -> None:
    """A torch Subset with ``to``, classes, arrays and weights; its tiles cover every voxel of every crop."""
    split = split_of(rows, val_raw_value_transforms=None)
    blocks = split.validation_blocks
    assert isinstance(blocks, CellMapSubset)
    assert isinstance(blocks, Subset)
    assert blocks.to("cpu") is blocks
    assert (blocks.classes, blocks.input_arrays, blocks.target_arrays) == (CLASSES, INPUTS, TARGETS)
    assert blocks.class_weights == split.validation_datasets_combined.class_weights
    assert len(blocks) == 2 * 8
    assert int(blocks[5]["idx"]) == blocks.indices[5]


def test_validation_leaves_no_hole(tmp_path) -> None:
    """Voxels of a crop that patches do not divide lie in a tile."""
    raw = write_volume(tmp_path / "raw", ramp((12, 13, 21)))
    labels = write_labels(tmp_path / "labels", {"nuc": np.ones((12, 13, 21), np.uint8)})
    split = split_of(
        {"validate": [{"raw": raw, "gt": labels}]}, force_has_data=True, val_raw_value_transforms=None
    )
    seen = torch.stack([sample["raw"] for sample in split.validation_blocks]).flatten()
    assert set(seen.tolist()) == set(ramp((12, 13, 21)).flatten().tolist())


@pytest.mark.executor
@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader])
def test_a_training_script(kind, workers, rows) -> None:
    """Train on weighted subsets, refresh, validate on blocks: the same batches for any number of workers."""

    def run(workers: int) -> list[dict[str, torch.Tensor]]:
        split = split_of(rows, spatial_transforms={"mirror": {"axes": {"x": 0.5}}})
        train, blocks = split.train_datasets_combined.to("cpu"), split.validation_blocks.to("cpu")
        sampler = functools.partial(train.get_subset_random_sampler, num_samples=4, weighted=True)
        options = {"batch_size": 2, "num_workers": workers, "device": "cpu"}
        batches = []
        with (
            kind(train, CLASSES, sampler=sampler, **options) as loader,
            kind(blocks, CLASSES, is_train=False, **options) as validation,
        ):
            for _ in range(2):
                batches += kept(loader)
                loader.refresh()
            return batches + kept(validation)

    batches, expected = run(workers), run(0)
    assert [len(batch["idx"]) for batch in batches] == [2] * (2 + 2 + 8)
    for batch, other in zip(batches, expected, strict=True):
        assert all(torch.equal(batch[key].nan_to_num(9), other[key].nan_to_num(9)) for key in other)
        assert batch["raw"].shape == (2, 1, 8, 8, 8)
        assert batch["gt"].shape == (2, 2, 8, 8, 8)
        assert 0 <= batch["raw"].min() < batch["raw"].max() <= 1
        assert set(batch["gt"].unique().tolist()) <= {0, 1}
    tiles = [i for batch in batches[4:] for i in batch["idx"].tolist()]
    assert tiles == list(split_of(rows).validation_datasets_combined.validation_indices)


def test_a_foreign_loader_takes_blocks(rows) -> None:
    """Torch's own DataLoader reads them."""
    blocks = split_of(rows).validation_blocks
    batches = list(DataLoader(blocks, batch_size=8))
    assert [batch["raw"].shape for batch in batches] == [(8, 1, 8, 8, 8)] * 2


@pytest.mark.parametrize("relation", [{"er": {"nuc"}}, {"er": ["nuc"]}], ids=["set", "list"])
def test_relations_of_classes(relation, rows) -> None:
    """A class that excludes another makes it 0 where it is positive, unknown elsewhere."""
    arrays = INPUTS, TARGETS, ["nuc", "er"]
    split = CellMapDataSplit(*arrays, dataset_dict=rows, class_relation_dict=relation)
    nuc, er = split.train_datasets[0][0]["gt"]
    assert torch.equal(er.isnan(), nuc == 0)
    assert er.nan_to_num(0).max() == 0


def test_unknown_labels_have_the_value_asked_for(rows) -> None:
    """``empty_value``, by keyword, in place of NaN."""
    split = CellMapDataSplit(
        INPUTS,
        TARGETS,
        ["nuc", "er"],
        dataset_dict=rows,
        empty_value=-5,
        target_value_transforms=None,
    )
    assert split.train_datasets[0][0]["gt"][1].unique().tolist() == [-5]


def test_default_transforms(tmp_path) -> None:
    """Raw of 16 bits, and NaN: 0..1 and 0. Labels of any id: 1."""
    raw = write_volume(tmp_path / "raw", np.full((8, 8, 8), 65_535, np.uint16))
    labels = write_labels(tmp_path / "labels", {"nuc": np.full((8, 8, 8), 200, np.uint8)})
    rough = write_volume(tmp_path / "rough", np.full((8, 8, 8), np.nan, np.float32))
    (sample,) = split_of({"train": [{"raw": raw, "gt": labels}]}).train_datasets[0]
    assert (sample["raw"].unique().tolist(), sample["gt"][0].unique().tolist()) == ([1], [1])
    assert sample["gt"][1].isnan().all()
    (sample,) = split_of({"train": [{"raw": rough, "gt": labels}]}).train_datasets[0]
    assert sample["raw"].unique().tolist() == [0]


@pytest.mark.parametrize("pad", [True, "train", "validate"])
def test_pad(pad, tmp_path) -> None:
    """A crop smaller than a patch has a position where its use is padded, and is told otherwise."""
    written = [write_crop(tmp_path / name, (6, 12, 12), seed=i) for i, name in enumerate("ab")]
    entries = [{"raw": raw, "gt": labels} for raw, labels in written]
    rows = {"train": entries[:1], "validate": entries[1:]}
    if pad is True:
        split = split_of(rows, pad=pad)
        assert [len(split.train_datasets_combined), len(split.validation_blocks)] == [25, 4]
        return
    with pytest.raises(SplitError) as caught:
        split_of(rows, pad=pad)
    other = "validate" if pad == "train" else "train"
    assert f"dataset_dict['{other}'][0]" in str(caught.value)
    assert f"dataset_dict['{pad}'][0]" not in str(caught.value)


def test_one_bad_row_is_told_and_hides_no_other(rows) -> None:
    """All rows are checked, faults told together; nothing is dropped unless asked, and then it is listed."""
    rows["train"].insert(1, {"raw": "nowhere", "gt": "nowhere/[nuc]"})
    rows["validate"].append({"raw": rows["train"][0]["raw"], "gt": "nowhere/[mito]"})
    with pytest.raises(SplitError) as caught:
        split_of(rows)
    assert str(caught.value).index("['train'][1]") < str(caught.value).index("['validate'][2]")
    with pytest.warns(BrokenRowWarning, match="2 rows of the split are left out"):
        split = split_of(rows, skip_broken=True)
    assert [row.place for row in split.broken] == ["dataset_dict['train'][1]", "dataset_dict['validate'][2]"]
    assert (len(split.train_datasets), len(split.validation_datasets)) == (2, 2)


def test_setting_transforms_of_one_use_leaves_the_other(rows) -> None:
    """``set_raw_value_transforms(train_transforms=x)`` does not erase those of validation, nor vice versa."""
    split = split_of(rows)
    split.set_raw_value_transforms(train_transforms=torch.zeros_like)
    assert split.train_datasets_combined[0]["raw"].max() == 0
    assert 0 < split.validation_blocks[0]["raw"].max() <= 1
    split.set_raw_value_transforms(val_transforms=torch.ones_like)
    assert split.train_datasets_combined[0]["raw"].max() == 0
    assert split.validation_blocks[0]["raw"].min() == 1
    split.set_target_value_transforms(torch.zeros_like)
    assert split.train_datasets_combined[0]["gt"].max() == split.validation_blocks[0]["gt"].max() == 0


def test_setting_arrays_changes_them(rows) -> None:
    """``set_arrays(arrays, type, usage)`` changes the arrays of that type, for that use, and no others."""
    split = split_of(rows)
    split.set_arrays({"coarse": TINY}, "target", "validate")
    assert set(split.validation_blocks[0]) == {"idx", "raw", "coarse"}
    assert set(split.train_datasets_combined[0]) == {"idx", "raw", "gt"}
    split.set_arrays({"raw": TINY, "wide": CUBE}, type="inputs", usage="train")
    assert set(split.train_datasets_combined[0]) == {"idx", "raw", "wide", "gt"}
    assert split.train_datasets_combined[0]["raw"].shape == (1, 4, 4, 4)
    assert set(split.validation_blocks[0]) == {"idx", "raw", "coarse"}


def test_a_device_is_noted(rows) -> None:
    """``to`` returns the split, and its datasets know."""
    split = split_of(rows)
    assert split.to("cpu", non_blocking=True) is split
    assert [crop.device for crop in split.train_datasets] == ["cpu", "cpu"]


def test_building_a_split_opens_no_array(tmp_path) -> None:
    """Hundreds of crops cost their metadata alone: no chunk is looked at, no reader lives."""
    write_crop(tmp_path, (12, 12, 12))
    script = """
import sys
opened = set()
sys.addaudithook(lambda event, arguments: event == "open" and opened.add(str(arguments[0])))
from cellmap_data import CellMapDataSplit
from cellmap_data.storage import live_reader
root, cube = sys.argv[1], {"shape": (8, 8, 8), "scale": (8, 8, 8)}
rows = {"train": [{"raw": f"{root}/raw", "gt": f"{root}/labels/[nuc,mito]"}] * 300}
split = CellMapDataSplit({"raw": cube}, {"gt": cube}, ["nuc", "mito"], dataset_dict=rows)
assert len(split.train_datasets_combined) == 300 * 125
names = {path.rpartition("/")[2] for path in opened if root in path}
assert names <= {".zattrs", ".zarray", "zarr.json"}, names
assert not live_reader()
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_lazy_indices_are_not_listed(rows) -> None:
    """A subset of ten thousand million positions costs no memory, and reads those it is asked for."""
    whole = split_of(rows).train_datasets_combined
    subset = CellMapSubset(whole, range(0, 10**10))
    assert len(subset) == 10**10
    assert int(subset[249]["idx"]) == 249
    with pytest.raises(IndexError):
        subset[250]
