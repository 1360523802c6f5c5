"""A split: its datasets, its faults, and what its setters change."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapDataSplit, CellMapMultiDataset
from cellmap_data.errors import (
    BrokenRowWarning,
    ConfigurationError,
    MetadataError,
    SplitError,
    StoreError,
    StoreNotFoundError,
    UnannotatedWarning,
)
from cellmap_data.testing import write_labels, write_volume
from tests.datasplit.crops import (
    CLASSES,
    CUBE,
    INPUTS,
    TARGETS,
    labels_of,
    split_of,
    write_dataset,
    write_table,
)

CROPS = [(f"crop{number}", CLASSES, number * 104) for number in range(4)]
TINY = {"shape": (4, 4, 4), "scale": (8, 8, 8)}
LARGE = {"shape": (14, 14, 14), "scale": (8, 8, 8)}


@pytest.fixture
def raw(tmp_path) -> str:
    return write_dataset(tmp_path / "jrc_a", CROPS)


def entry(raw, number, classes=CLASSES) -> dict[str, str]:
    return {"raw": raw, "gt": labels_of(raw, f"crop{number}", classes)}


def both(raw) -> dict[str, list[dict[str, str]]]:
    """Three crops to train on, one to validate with."""
    return {"train": [entry(raw, n) for n in range(3)], "validate": [entry(raw, 3)]}


def test_the_three_ways_give_the_same(raw, tmp_path) -> None:
    """A table, a dictionary, and datasets that are there already."""
    rows = [(usage, one["raw"], one["gt"]) for usage, entries in both(raw).items() for one in entries]
    splits = [
        split_of(csv_path=write_table(tmp_path / "split.csv", rows)),
        split_of(dataset_dict=both(raw)),
    ]
    splits.append(split_of(datasets=splits[0].datasets))
    for split in splits:
        assert [len(split.datasets[usage]) for usage in ("train", "validate")] == [3, 1]
        assert [d.target_path for d in split.train_datasets] == [one["gt"] for one in both(raw)["train"]]
        assert split.train_datasets[1].is_train
        assert not split.validation_datasets[0].is_train
        assert len(split.train_datasets_combined) == 3 * 125
        assert isinstance(split.validation_datasets_combined, CellMapMultiDataset)
        assert (split.classes, split.input_arrays, split.target_arrays) == (CLASSES, INPUTS, TARGETS)
    assert splits[2].train_datasets[0] is splits[0].train_datasets[0]


@pytest.mark.parametrize(
    "given", [{}, {"csv_path": "s.csv", "dataset_dict": {"train": []}}], ids=["none", "two"]
)
def test_crops_come_from_one_place(given) -> None:
    """None of the three ways, or two of them, is an error that lists them."""
    with pytest.raises(ConfigurationError, match="one of datasets, dataset_dict, csv_path"):
        split_of(**given)


def broken_rows(raw, tmp_path) -> tuple[str, list[str]]:
    """A table with good rows and every fault there is; what each row lacks, by a part of its text."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (tmp_path / "notjson").mkdir()
    (tmp_path / "notjson" / ".zattrs").write_text("{")
    flat = write_volume(tmp_path / "flat", np.zeros((4, 12, 12), np.uint8))
    far = write_labels(tmp_path / "far", {"nuc": np.ones((12, 12, 12), np.uint8)}, translation=(9000, 0, 0))
    thin = write_labels(tmp_path / "thin", {"nuc": np.ones((12, 12, 12), np.uint8)})
    crop = labels_of(raw, "crop0")
    rows = {
        f"train,{raw},{crop}": "",
        f"train,{tmp_path}/nowhere,{crop}": "There is no zarr group(.|\n)*nowhere",
        f"tain,{raw},{crop}": "Unknown split(.|\n)*'tain'",
        f"train,{folder},{crop}": "There is no zarr group(.|\n)*plain",
        f"train,{raw}/s0,{crop}": "not a multiscale volume",
        f"train,{raw},{labels_of(raw, 'crop1', ('nuc', 'er', 'mito'))}": "",
        f"train,{raw},{labels_of(raw, 'corp1')}": "corp1/nuc(.|\n)*corp1/mito",
        f"val,{flat},{thin}": "along z patches",
        f"val,{raw},{far}": "along z patches of 64 nm, of volumes that share nothing",
        f"val,{tmp_path}/notjson,{crop}": "must hold JSON",
        "train": "expected the columns",
        f"train,{raw},{labels_of(raw, 'crop9*')}": "Nothing is there",
        f"train,{raw},": "Targets need labels",
        f"train,{raw},{tmp_path}/thin/[nuc,]": "must name its classes",
        f"val,{raw},{labels_of(raw, 'crop3')}": "",
    }
    table = tmp_path / "split.csv"
    table.write_text("\n".join(rows))
    return str(table), list(rows.values())


def test_all_faults_of_all_rows_are_told_at_once(raw, tmp_path) -> None:
    """Each by its row, in order, whatever its kind; it is a ValueError and an OSError."""
    table, faults = broken_rows(raw, tmp_path)
    with pytest.raises(SplitError) as caught:
        split_of(csv_path=table)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, OSError)
    told = str(caught.value).split("\n    - ")[1:]
    assert [part.split(": ")[0] for part in told] == [
        f"{table}, row {number}" for number, fault in enumerate(faults, 1) if fault
    ]
    for part, fault in zip(told, filter(None, faults), strict=True):
        assert re.search(fault, part), (fault, part)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_broken_rows_are_left_out_if_wished_and_listed(raw, tmp_path) -> None:
    """One warning names all of them, the split knows them, and the others are used."""
    table, faults = broken_rows(raw, tmp_path)
    with pytest.warns(BrokenRowWarning) as warned:
        split = split_of(csv_path=table, skip_broken=True)
    assert len(warned) == 1
    assert warned[0].filename == __file__.replace("test_datasplit", "crops")  # whoever made the split
    count = sum(map(bool, faults))
    assert str(warned[0].message).startswith(f"{count} rows of the split are left out")
    assert [row.place for row in split.broken] == [
        f"{table}, row {number}" for number, fault in enumerate(faults, 1) if fault
    ]
    assert all(str(row) in str(warned[0].message).replace("\n      ", "\n") for row in split.broken)
    assert (len(split.train_datasets), len(split.validation_datasets)) == (2, 1)


@pytest.mark.filterwarnings("ignore::cellmap_data.errors.BrokenRowWarning")
def test_nothing_left_to_train_on_is_an_error(raw) -> None:
    """Also with broken rows left out; only who says so may have crops for validation alone."""
    broken = {"train": [entry(raw, 7)], "validate": [entry(raw, 3)]}
    with pytest.raises(ConfigurationError, match="no crop to train on"):
        split_of(dataset_dict=broken, skip_broken=True)
    with pytest.raises(ConfigurationError, match="no crop to train on"):
        split_of(dataset_dict={"train": [], "validate": []}, force_has_data=True)
    split = split_of(dataset_dict={"validate": [entry(raw, 3)]}, force_has_data=True)
    assert len(split.validation_blocks) == 8
    with pytest.raises(ConfigurationError, match="no crop to train with"):
        split.train_datasets_combined.verify()


def test_wrong_options_are_told_once_and_not_of_each_row(raw) -> None:
    """What is wrong for every crop is no fault of a row."""
    for wrong in (
        {"spatial_transforms": {"twist": True}},
        {"dtype": "int"},
        {"pad": "tarin"},
        {"train_raw_value_transforms": [3]},
    ):
        with pytest.raises(ConfigurationError) as caught:
            split_of(dataset_dict=both(raw), **wrong)
        assert "dataset_dict" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="shape") as caught:
        CellMapDataSplit({"raw": {"shape": (8, 8)}}, TARGETS, CLASSES, dataset_dict=both(raw))
    assert not isinstance(caught.value, SplitError)


@pytest.mark.parametrize(
    ("pad", "train", "validate"),
    [
        (True, True, True),
        ("constant", True, True),
        ("train", True, False),
        ("validate", False, True),
        ("validation", False, True),
    ],
)
def test_pad_is_for_the_use_it_names(pad, train, validate, raw) -> None:
    """Crops of 12 voxels have a position for patches of 14 where they are padded, and a fault elsewhere."""
    arrays = {"raw": CUBE}, {"gt": LARGE}

    def made(**crops) -> CellMapDataSplit:
        return CellMapDataSplit(*arrays, CLASSES, pad=pad, dataset_dict=crops, force_has_data=True)

    for padded, crops in ((train, {"train": [entry(raw, 0)]}), (validate, {"val": [entry(raw, 3)]})):
        if padded:
            assert all(len(dataset) for datasets in made(**crops).datasets.values() for dataset in datasets)
        else:
            with pytest.raises(SplitError, match="patches of 112 nm, of volumes that share 96 nm"):
                made(**crops)


def test_values_are_scaled_and_binary_by_default(tmp_path) -> None:
    """Integers of any type are 0..1, NaN is 0; labels are 0, 1 or unknown, never scaled."""
    values = np.linspace(0, 1, 12**3).reshape(12, 12, 12)
    stored = {"u1": values * 255, "u2": values * 65535, "f4": np.where(values > 0.5, np.nan, values)}
    ids = np.arange(12**3, dtype=np.uint8).reshape(12, 12, 12)
    for dtype, raw in stored.items():
        path = write_volume(tmp_path / dtype / "raw", raw.astype(dtype))
        labels = write_labels(tmp_path / dtype / "labels", {"nuc": ids})
        split = split_of(dataset_dict={"train": [{"raw": path, "gt": labels}]})
        sample = split.train_datasets[0][0]
        expected = torch.from_numpy(np.nan_to_num(raw.astype(dtype) / max(np.nanmax(raw), 1))[:8, :8, :8])
        assert sample["raw"].dtype == torch.float32
        assert torch.allclose(sample["raw"][0].double(), expected.double(), atol=1e-6)
        assert torch.equal(sample["gt"][0], torch.from_numpy(ids[:8, :8, :8] > 0).float())
        assert sample["gt"][1].isnan().all()


def test_no_transform_means_none(raw) -> None:
    """None leaves raw and labels as they are stored."""
    names = ("train_raw_value_transforms", "val_raw_value_transforms", "target_value_transforms")
    split = split_of(dataset_dict=both(raw), **dict.fromkeys(names))
    assert split.train_datasets[0][0]["raw"].max() > 100
    assert split.validation_datasets[0][0]["raw"].max() > 100


def test_only_training_augments(raw) -> None:
    """Spatial transforms are drawn in training; setting them leaves validation alone."""
    split = split_of(dataset_dict=both(raw), spatial_transforms={"mirror": {"x": 1.0}})
    plain = split_of(dataset_dict=both(raw))
    flipped = split.train_datasets[0][0]["raw"].flip(-1)
    assert torch.equal(flipped, plain.train_datasets[0][0]["raw"])
    assert torch.equal(split.validation_datasets[0][0]["raw"], plain.validation_datasets[0][0]["raw"])
    split.set_spatial_transforms(None)
    assert torch.equal(split.train_datasets[0][0]["raw"], flipped)
    plain.set_spatial_transforms({"mirror": {"x": 1.0}})
    assert torch.equal(plain.train_datasets[0][0]["raw"].flip(-1), flipped)
    assert plain.validation_datasets[0].spatial_transforms is None


def zero(values: torch.Tensor) -> torch.Tensor:
    return values * 0


def test_raw_transforms_are_set_for_the_use_that_is_named(raw) -> None:
    """What is not named stays; None takes transforms away; combined datasets follow."""
    split = split_of(dataset_dict=both(raw))
    train, validation = split.train_datasets_combined, split.validation_blocks
    split.set_raw_value_transforms(train_transforms=zero)
    assert train[0]["raw"].max() == 0
    assert 0 < validation[0]["raw"].max() <= 1
    split.set_raw_value_transforms(val_transforms=None)
    assert train[0]["raw"].max() == 0
    assert validation[0]["raw"].max() > 100
    split.set_raw_value_transforms(None, zero)
    assert train[0]["raw"].max() > 100
    assert validation[0]["raw"].max() == 0
    split.set_target_value_transforms(zero)
    assert train[0]["gt"].max() == validation[0]["gt"].max() == 0


@pytest.mark.parametrize("usage", ["train", "validate", "val"])
@pytest.mark.parametrize("kind", ["target", "targets", "input", "inputs"])
def test_arrays_are_set_for_the_use_that_is_named(usage, kind, raw) -> None:
    """Samples of that use have the new arrays, the others the old ones; transforms and seed stay."""
    split = split_of(dataset_dict=both(raw), seed=7)
    split.set_raw_value_transforms(zero, zero)
    before = split.train_datasets_combined, split.validation_blocks
    split.set_arrays({"new": TINY, "other": CUBE}, kind, usage)
    after = split.train_datasets_combined, split.validation_blocks
    chosen = 0 if usage == "train" else 1
    expected = {"idx", "new", "other", "raw" if kind.startswith("target") else "gt"}
    assert set(after[chosen][0]) == expected
    assert after[chosen][0]["new"].shape[-3:] == (4, 4, 4)
    assert set(after[1 - chosen][0]) == {"idx", "raw", "gt"}
    assert set(before[chosen][0]) == {"idx", "raw", "gt"}
    assert after[chosen].seed == 7
    assert after[chosen][0].get("raw", after[chosen][0]["other"]).max() in (0, 1)
    name = "target_arrays" if kind.startswith("target") else "input_arrays"
    assert set(getattr(after[chosen], name)) == {"new", "other"}


def test_arrays_that_do_not_fit_change_nothing(raw) -> None:
    """Every crop that is too small is told, unknown types and uses too, and the split stays as it was."""
    split = split_of(dataset_dict=both(raw))
    blocks = split.validation_blocks
    assert split.validation_blocks is blocks
    with pytest.raises(SplitError, match=r"dataset_dict\['train'\]\[0\](.|\n)*dataset_dict\['train'\]\[2\]"):
        split.set_arrays({"gt": LARGE}, usage="train")
    for wrong in ({"type": "labels"}, {"usage": "test"}, {"arrays": {"gt": {"shape": (1, 2)}}}):
        with pytest.raises(ConfigurationError):
            split.set_arrays(**{"arrays": {"gt": CUBE}, **wrong})
    assert split.validation_blocks.dataset is blocks.dataset
    assert split.train_datasets_combined[0]["gt"].shape == (2, 8, 8, 8)


def test_without_validation_there_are_no_blocks(raw) -> None:
    """Programs that always make a loader for validation get none of its batches; the whole is an error."""
    split = split_of(dataset_dict={"train": [entry(raw, 0)]})
    assert split.validation_datasets == []
    loader = CellMapDataLoader(split.validation_blocks.to("cpu"), batch_size=2, is_train=False)
    assert (len(loader), list(loader)) == (0, [])
    with pytest.raises(ConfigurationError, match="no crop to validate with"):
        split.validation_datasets_combined.verify()
    assert split.class_counts["validate"]["totals"] == {"nuc": 0, "mito": 0}


def test_crops_without_any_of_the_classes_are_told_at_once(raw) -> None:
    """They would be sampled everywhere: a fault of each row, or, if all is to be used, one warning of all."""
    other = write_dataset(Path(raw).parents[3] / "other", [("crop0", ["mito"], 0)], seed=1)
    rows = {"train": [entry(raw, 0), entry(raw, 1, ["mito"])], "validate": [entry(other, 0, ["mito"])]}
    asked = {"dataset_dict": rows, "allow_overlap": True}
    with pytest.raises(SplitError, match="The crop has none of the classes") as caught:
        CellMapDataSplit(INPUTS, TARGETS, ["nuc"], **asked)
    assert str(caught.value).count("force_has_data=True") == 2
    with pytest.warns(BrokenRowWarning, match="2 rows"):
        assert len(CellMapDataSplit(INPUTS, TARGETS, ["nuc"], **asked, skip_broken=True).train_datasets) == 1
    excluded = {"nuc": ["mito"]}
    split = CellMapDataSplit(INPUTS, TARGETS, ["nuc"], **asked, class_relation_dict=excluded)
    assert len(split.validation_datasets) == 1
    with pytest.warns(UnannotatedWarning, match="2 crops have none of the classes") as warned:
        split = CellMapDataSplit(INPUTS, TARGETS, ["nuc"], **asked, force_has_data=True)
    (told,) = [str(one.message) for one in warned]
    assert "['train'][1]: " in told
    assert "['validate'][0]: " in told
    assert "['train'][0]" not in told
    assert warned[0].filename == __file__
    assert split.train_datasets[1][0]["gt"].isnan().all()


def test_a_class_that_seems_misspelt_is_told(raw) -> None:
    """Once: unknown in all crops to train on, and like one that is annotated. Others may be unknown."""
    rows = {"train": [entry(raw, 0), entry(raw, 1)], "validate": [entry(raw, 2, ["nuc"])]}
    with pytest.warns(
        UnannotatedWarning, match=r"annotates \['mitoo'\](.|\n)*did you mean mito for"
    ) as warned:
        CellMapDataSplit(INPUTS, TARGETS, ["nuc", "mitoo"], dataset_dict=rows)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    CellMapDataSplit(INPUTS, TARGETS, ["nuc", "mito_mem"], dataset_dict=rows)
    CellMapDataSplit(
        INPUTS, TARGETS, ["nuc", "mitoo"], dataset_dict=rows, class_relation_dict={"mitoo": ["nuc"]}
    )
    split_of(dataset_dict=rows)


def test_the_paths_that_are_used_are_known(raw, tmp_path) -> None:
    """However they were given, wildcards written out."""
    table = write_table(tmp_path / "s.csv", [("train", raw, labels_of(raw, "crop?", ("nuc",)))])
    found = split_of(csv_path=table).dataset_dict
    assert found == {"train": [entry(raw, n, ["nuc"]) for n in range(4)], "validate": []}


def test_counts_are_those_of_each_use(raw) -> None:
    """All voxels of the crops of each, known or positive."""
    counts = split_of(dataset_dict=both(raw)).class_counts
    assert counts["train"] == {
        "totals": {"nuc": 3 * 12**3, "mito": 3 * 12**3},
        "totals_total": {"nuc": 3 * 12**3, "mito": 3 * 12**3},
    }
    assert counts["validate"]["totals"]["nuc"] == 12**3


def test_counts_are_those_of_the_classes_of_the_split(raw) -> None:
    """Of datasets that have others as well, or fewer, only these, in their order."""
    one = CellMapDataset(raw, labels_of(raw, "crop0"), ["nuc", "mito"], INPUTS, TARGETS)
    other = CellMapDataset(raw, labels_of(raw, "crop3"), ["nuc"], INPUTS, TARGETS)
    given = {"train": [one], "validate": [other]}
    split = CellMapDataSplit(INPUTS, TARGETS, ["mito"], datasets=given)
    assert split.class_counts["train"]["totals"] == {"mito": 12**3}
    assert split.class_counts["validate"]["totals"] == {"mito": 0}


def test_raw_only(raw) -> None:
    """Without classes there are no targets, and labels that are named are not looked at."""
    given = {"train": [{"raw": raw, "gt": "nowhere/[nuc]"}]}
    for arrays in ((INPUTS,), (INPUTS, TARGETS)):
        split = CellMapDataSplit(*arrays, dataset_dict=given)
        assert set(split.train_datasets_combined[0]) == {"idx", "raw"}
        assert split.classes == []


def test_options_reach_the_datasets(raw) -> None:
    """Relations of classes, the value of the unknown, the device, native types and the seed."""
    split = split_of(
        dataset_dict={"train": [entry(raw, 0, ["nuc"])], "validate": [entry(raw, 1, ["nuc"])]},
        class_relation_dict={"mito": {"nuc"}},
        empty_value=-1,
        target_value_transforms=None,
        device="cpu",
        seed=9,
    )
    (dataset,) = split.train_datasets
    assert (dataset[0]["gt"][1] == 0).all()
    assert (dataset.device, dataset.seed, dataset.empty_value) == ("cpu", 9, -1)
    assert split.to("cpu") is split
    native = split_of(dataset_dict=both(raw), dtype="native", target_value_transforms=None)
    assert native.train_datasets[0][0]["gt"].dtype == torch.uint8
    split.close()


def test_datasets_must_be_datasets(raw) -> None:
    """Anything else in ``datasets`` is told with its place."""
    dataset = CellMapDataset(raw, labels_of(raw, "crop0"), CLASSES, INPUTS, TARGETS)
    with pytest.raises(SplitError, match=r"datasets\['train'\]\[1\]: expected a CellMapDataset"):
        split_of(datasets={"train": [dataset, raw]})
    with pytest.raises(ConfigurationError, match="Unknown split"):
        split_of(datasets={"trian": [dataset]})


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda raw: shutil.rmtree(raw), StoreNotFoundError),
        (lambda raw: shutil.rmtree(f"{raw}/s0"), StoreError),
    ],
    ids=["group", "array"],
)
def test_the_fault_of_a_store_is_that_of_its_dataset(damage, kind, raw) -> None:
    """A split tells of a volume what the dataset alone would."""
    damage(raw)
    with pytest.raises(kind) as alone:
        len(CellMapDataset(raw, labels_of(raw, "crop0"), CLASSES, INPUTS, TARGETS))
    assert not isinstance(alone.value, MetadataError)
    with pytest.raises(SplitError) as split:
        split_of(dataset_dict={"train": [entry(raw, 0)]})
    assert str(alone.value).splitlines()[0] in str(split.value)


def test_no_array_is_opened_and_each_file_of_metadata_once(tmp_path) -> None:
    """Building a split of 500 crops opens metadata only, each file once; so do its lengths and tiles."""
    crops = [(f"crop{number}", ["nuc"], number * 104) for number in range(4)]
    for number in range(4):
        write_dataset(tmp_path / f"jrc_{number}", crops)
    script = """
import collections, sys
opened = collections.Counter()
def hear(event, arguments):
    if event == "open":
        opened[str(arguments[0])] += 1
from cellmap_data import CellMapDataSplit
from cellmap_data.storage import live_reader
root, cube = sys.argv[1], {"shape": (8, 8, 8), "scale": (8, 8, 8)}
def crop(n):
    store = f"{root}/jrc_{n % 4}/jrc_{n % 4}.zarr/recon-1"
    labels = f"{store}/labels/groundtruth/crop{n // 4 % 4}/[nuc]"
    return {"raw": f"{store}/em/fibsem-uint8", "gt": labels}
rows = {"train": [crop(n) for n in range(16) if n % 4] * 42, "validate": [crop(0)]}
sys.addaudithook(hear)
split = CellMapDataSplit({"raw": cube}, {"gt": cube}, ["nuc"], dataset_dict=rows)
assert len(split.train_datasets) == 504
assert len(split.train_datasets_combined) == 504 * 125
assert len(split.validation_blocks) == 8
here = {path.removeprefix(root): n for path, n in opened.items() if root in path}
names = {path.rpartition("/")[2] for path in here}
assert names <= {".zattrs", ".zarray", "zarr.json"}, names
groups = 504 * 2 + 2
assert sum(n for path, n in here.items() if path.endswith(".zattrs")) == groups
assert sum(n for path, n in here.items() if path.endswith(".zarray")) == groups
assert not live_reader(), "a process that has made a split may still fork"
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
