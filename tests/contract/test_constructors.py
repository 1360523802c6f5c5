"""How programs make datasets, images and loaders, and what they ask these for."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from cellmap_data import (
    CellMapDataLoader,
    CellMapDataset,
    CellMapImage,
    CellMapMultiDataset,
    EmptyImage,
    EnhancedCellMapDataLoader,
)
from cellmap_data.errors import ConfigurationError
from cellmap_data.testing import ramp, write_crop, write_labels, write_volume
from cellmap_data.transforms import (
    Binarize,
    GaussianBlur,
    GaussianNoise,
    NaNtoNum,
    Normalize,
    RandomContrast,
    RandomGamma,
)
from tests.contract.crops import CLASSES, CUBE, INPUTS, RANDOM, TARGETS, equal, open_crop

SIGNATURES = {
    CellMapDataset: "raw_path target_path classes input_arrays target_arrays pad spatial_transforms "
    "raw_value_transforms target_value_transforms class_relation_dict force_has_data device seed",
    CellMapMultiDataset: "datasets classes input_arrays target_arrays",
    CellMapDataLoader: "dataset classes batch_size num_workers weighted_sampler sampler is_train rng device "
    "iterations_per_epoch",
    CellMapImage: "path target_class target_scale target_voxel_shape pad pad_value interpolation axis_order "
    "value_transform context device",
}
DEFAULTS = {
    CellMapDataset: {"pad": False, "force_has_data": False, "seed": None, "raw_value_transforms": None},
    CellMapMultiDataset: {},
    CellMapDataLoader: {"batch_size": 1, "num_workers": 0, "is_train": True, "iterations_per_epoch": None},
    CellMapImage: {"pad": False, "interpolation": "nearest", "axis_order": "zyx"},
}


@pytest.mark.parametrize("kind", SIGNATURES, ids=lambda kind: kind.__name__)
def test_arguments_have_their_old_order_and_defaults(kind) -> None:
    """Arguments given by position, and those left out, mean what they meant."""
    parameters = inspect.signature(kind).parameters
    names = SIGNATURES[kind].split()
    assert list(parameters)[: len(names)] == names
    assert {name: parameters[name].default for name in DEFAULTS[kind]} == DEFAULTS[kind]


def test_a_dataset_takes_everything_by_position(tmp_path) -> None:
    """All thirteen arguments in a row give what the same arguments by keyword give."""
    raw, labels = write_crop(tmp_path, (12, 12, 12))
    names = SIGNATURES[CellMapDataset].split()
    binarize, scaled = Binarize(), Normalize()
    relations = {"er": {"nuc", "mito"}}
    values = [
        raw,
        labels,
        CLASSES,
        INPUTS,
        TARGETS,
        True,
        RANDOM,
        scaled,
        binarize,
        relations,
        True,
        "cpu",
        7,
    ]
    by_keyword = CellMapDataset(**dict(zip(names, values, strict=True)))
    assert equal(CellMapDataset(*values)[9], by_keyword[9])


def test_older_keywords_are_taken(tmp_path) -> None:
    """What older releases took by keyword is taken still; a generator gives its seed."""
    older = {"is_train": True, "axis_order": "zyx", "empty_value": -1.0, "max_workers": 4}
    rng = torch.Generator().manual_seed(5)
    dataset = open_crop(tmp_path, seed=None, rng=rng, **older)
    assert dataset.seed == 5
    assert (dataset[0]["gt"][1] == -1).all()


@pytest.mark.parametrize(
    ("path", "suffix", "annotated"),
    [
        ("[nuc,mito]", "", [True, False, True]),
        ("[nuc, mito]/v1", "/v1", [True, False, True]),
        ("mito", "", [False, False, True]),
    ],
    ids=["brackets", "suffix", "no brackets"],
)
def test_brackets_list_the_annotated_classes(path, suffix, annotated, tmp_path) -> None:
    """Labels lie at base, class, suffix; without brackets the last part is the one class."""
    ones = np.ones((8, 8, 8), np.uint8)
    raw = write_volume(tmp_path / "raw", ones)
    write_labels(tmp_path, {f"nuc{suffix}": ones, f"mito{suffix}": ones})
    dataset = CellMapDataset(raw, f"{tmp_path}/{path}", CLASSES, INPUTS, TARGETS)
    assert dataset.get_crop_class_matrix().tolist() == [annotated]
    assert (~dataset[0]["gt"].isnan()).flatten(1).all(1).tolist() == annotated


@pytest.mark.parametrize(
    "options",
    [
        {"classes": CLASSES, "target_arrays": {}},
        {"classes": CLASSES, "target_arrays": None},
        {"classes": None, "target_arrays": TARGETS},
        {},
    ],
    ids=["no arrays", "None", "no classes", "left out"],
)
def test_raw_only(options, tmp_path) -> None:
    """Without targets, or without classes, samples hold the inputs, and loaders deliver them."""
    raw = write_volume(tmp_path, ramp((8, 8, 8)))
    dataset = CellMapDataset(raw, input_arrays=INPUTS, **options)
    assert set(dataset[0]) == {"idx", "raw"}
    batch = next(iter(CellMapDataLoader(dataset)))
    np.testing.assert_array_equal(batch["raw"][0, 0], ramp((8, 8, 8)))


@pytest.mark.parametrize("shape", [(6, 4), (1, 6, 4)], ids=str)
def test_two_numbers_and_a_one_are_a_plane(shape, tmp_path) -> None:
    """A 2-D patch, written either way, is a plane of the volume."""
    raw = write_volume(tmp_path, ramp((5, 9, 9)))
    dataset = CellMapDataset(raw, input_arrays={"raw": {"shape": shape, "scale": (8,) * len(shape)}})
    assert len(dataset) == 5 * 4 * 6
    np.testing.assert_array_equal(dataset[24 * 2]["raw"][0], ramp((5, 9, 9))[2, :6, :4])


def test_a_dataset_tells_what_it_was_given_and_where_it_lies(tmp_path) -> None:
    """Arguments are attributes; sources, boxes and counts have the forms that programs unpack."""
    dataset = open_crop(tmp_path)
    assert (dataset.raw_path, dataset.classes) == (f"{tmp_path}/raw", CLASSES)
    assert (dataset.input_arrays, dataset.target_arrays) == (INPUTS, TARGETS)
    assert set(dataset.input_sources) == {"raw"}
    kinds = [type(dataset.target_sources[name]) for name in CLASSES]
    assert kinds == [CellMapImage, EmptyImage, CellMapImage]
    assert dataset.bounding_box == dict.fromkeys("zyx", (-4.0, 92.0))
    assert dataset.sampling_box == dict.fromkeys("zyx", (28.0, 60.0))
    counts = dataset.class_counts
    assert list(counts["totals"]) == CLASSES
    assert set(counts["totals_total"].values()) == {0, 12**3}
    assert list(dataset.class_weights) == CLASSES
    assert dataset.verify()


def test_several_targets_have_a_source_each(tmp_path) -> None:
    """Sources by class are those of the first target; with several they are there by target, too."""
    raw, labels = write_crop(tmp_path, (16, 16, 16), levels=2)
    targets = {"fine": CUBE, "coarse": {"shape": (4, 4, 4), "scale": (16, 16, 16)}}
    dataset = CellMapDataset(raw, labels, ["nuc"], INPUTS, targets)
    assert dataset.target_sources["nuc"].scale_level == 0
    sources = dataset.target_array_sources
    assert [sources[name]["nuc"].scale_level for name in targets] == [0, 1]


def test_setters_return_and_take_effect(tmp_path) -> None:
    """``to`` returns the dataset; replaced transforms act on the next sample and on nothing else."""
    dataset = open_crop(tmp_path)
    assert dataset.to("cpu") is dataset
    before = dataset[5]
    dataset.set_raw_value_transforms(lambda values: values.float() * 0)
    assert dataset[5]["raw"].max() == 0
    assert equal({"gt": dataset[5]["gt"]}, {"gt": before["gt"]})
    dataset.set_target_value_transforms(lambda labels: labels + 1)
    assert torch.equal(dataset[5]["gt"][0], before["gt"][0] + 1)
    dataset.set_raw_value_transforms(None)
    dataset.set_spatial_transforms({"mirror": {"axes": {"z": 1.0}}})
    assert torch.equal(dataset[5]["raw"], before["raw"].flip(1))
    dataset.close()
    assert torch.equal(dataset[5]["raw"], before["raw"].flip(1))


def test_many_crops_are_one_torch_dataset(tmp_path) -> None:
    """Both orders of arguments give a ConcatDataset with weights in class order and a row for each crop."""
    parts = [open_crop(tmp_path / name, content=i) for i, name in enumerate("ab")]
    newer = CellMapMultiDataset(parts, CLASSES, INPUTS, TARGETS)
    older = CellMapMultiDataset(CLASSES, INPUTS, TARGETS, parts)
    assert isinstance(older, ConcatDataset)
    assert len(newer) == len(older) == 2 * 5**3
    assert equal(newer[130], older[130])
    assert older[130]["idx"] == 130
    assert older.get_crop_class_matrix().tolist() == [[True, False, True]] * 2
    totals = older.class_counts["totals"]
    assert list(older.class_weights) == CLASSES
    assert older.class_weights["nuc"] == pytest.approx((2 * 12**3 - totals["nuc"]) / totals["nuc"])
    assert older.verify()
    assert older.to("cpu") is older
    assert [int(i) for i in older.validation_indices][:2] == [0, 4]


def test_prefetch_iterates_in_order(tmp_path) -> None:
    """``prefetch`` gives the samples of any indices one after the other, the ones that indexing gives."""
    dataset = CellMapMultiDataset([open_crop(tmp_path / name) for name in "ab"])
    indices = [200, 3, 3, 124, 125, 0]
    samples = list(dataset.prefetch(indices, batch_size=4))
    assert [int(sample["idx"]) for sample in samples] == indices
    assert all(equal(sample, dataset[i]) for i, sample in zip(indices, samples, strict=True))


def test_an_image_answers_what_programs_ask(tmp_path) -> None:
    """Level, boxes, counts and the list of levels; a place in nm gives a tensor."""
    path = write_volume(tmp_path, (ramp((16, 16, 16)) > 0).astype(np.uint8), levels=2)
    image = CellMapImage(path, "nuc", (16, 16, 16), (4, 4, 4), pad=True, pad_value=0, interpolation="linear")
    assert image.scale_level == 1
    assert image.bounding_box == dict.fromkeys("zyx", (-4.0, 124.0))
    assert image.sampling_box == dict.fromkeys("zyx", (28.0, 92.0))
    assert image.total_voxels == 8**3
    assert 0 < image.class_counts <= 8**3
    assert image[image.get_center(0)].shape == (4, 4, 4)
    assert image._level_info == [
        ("s0", dict.fromkeys("zyx", 8.0), dict.fromkeys("zyx", 0.0)),
        ("s1", dict.fromkeys("zyx", 16.0), dict.fromkeys("zyx", 4.0)),
    ]


def test_an_empty_image_stands_in_for_an_image() -> None:
    """The same arguments give patches of NaN and no boxes, counts or memory."""
    image = EmptyImage("/nowhere", "er", (8, 8, 8), (4, 4, 4), True, math.nan, "nearest")
    assert image[{"z": 0.0, "y": 0.0, "x": 0.0}].isnan().all()
    assert (image.bounding_box, image.sampling_box, image.class_counts) == (None, None, 0)


@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader])
def test_a_loader_has_what_training_scripts_touch(kind, tmp_path) -> None:
    """Attributes, torch's DataLoader, refresh after a new sampler, ``to`` and ``collate_fn``."""
    dataset = open_crop(tmp_path)
    loader = kind(dataset, CLASSES, 4, 0, is_train=False, device="cpu")
    assert (loader.dataset, loader.classes, loader.batch_size) == (dataset, CLASSES, 4)
    assert (loader.num_workers, loader.is_train, str(loader.device)) == (0, False, "cpu")
    assert isinstance(loader.loader, DataLoader)
    assert len(loader) == len(loader.loader) == 32
    assert loader.to("cpu", non_blocking=True) is loader
    with pytest.raises(ConfigurationError, match="no device"):
        loader.to("gpu")
    assert loader.collate_fn([dataset[1], dataset[2]])["idx"].tolist() == [1, 2]
    for sampler in ([7, 5, 3], lambda: [7, 5, 3]):
        loader.sampler = sampler
        loader.refresh()
        assert next(iter(loader))["idx"].tolist() == [7, 5, 3]


def test_a_loader_takes_torchs_keywords(tmp_path) -> None:
    """Programs pass on what torch's DataLoader takes, and two workers deliver an epoch."""
    options = {
        "pin_memory": True,
        "persistent_workers": True,
        "prefetch_factor": 2,
        "worker_init_fn": None,
        "drop_last": True,
        "timeout": 60,
        "multiprocessing_context": "forkserver",
    }
    with CellMapDataLoader(open_crop(tmp_path), batch_size=50, num_workers=2, **options) as loader:
        assert [len(batch["idx"]) for batch in loader] == [50, 50]


def test_value_transforms_have_their_old_arguments() -> None:
    """Each is made with the arguments and defaults of earlier releases and keeps its meaning."""
    values = torch.tensor([[[-1.0, 0.0, 0.5, math.nan]]])
    assert Binarize()(values).nan_to_num(9).flatten().tolist() == [0, 0, 1, 9]
    assert Binarize(threshold=0.5)(values).nan_to_num(9).flatten().tolist() == [0, 0, 0, 9]
    assert NaNtoNum({"nan": 2})(values).flatten().tolist() == [-1, 0, 0.5, 2]
    assert Normalize(shift=1, scale=2)(torch.tensor([3.0])).item() == 8
    assert Normalize()(torch.tensor([255.0])).item() == pytest.approx(1)
    for transform in (
        GaussianNoise(mean=0, std=0.1),
        GaussianBlur(kernel_size=3, sigma=0.1, dim=2, channels=1),
        RandomContrast((0.5, 1.5)),
        RandomGamma((0.5, 1.5)),
    ):
        assert transform(torch.rand(1, 8, 8)).shape == (1, 8, 8)
