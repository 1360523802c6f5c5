"""What a sample holds, and where in the volume its voxels lie."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset, CellMapImage
from cellmap_data.testing import ramp, write_labels, write_volume
from cellmap_data.transforms import Binarize, NaNtoNum
from tests.contract.crops import CLASSES, CUBE, INPUTS, TARGETS, equal, open_crop


def at(nm: float) -> dict[str, float]:
    """The same coordinate along each axis."""
    return dict.fromkeys("zyx", nm)


def test_a_sample_is_idx_inputs_and_targets(tmp_path) -> None:
    """Inputs have one channel, targets one for each class; float32 on the CPU; idx is a number of its own."""
    dataset = open_crop(tmp_path)
    sample = dataset[7]
    assert set(sample) == {"idx", "raw", "gt"}
    assert (sample["idx"].shape, sample["idx"].dtype, int(sample["idx"])) == ((), torch.int64, 7)
    assert (sample["raw"].shape, sample["raw"].dtype) == ((1, 8, 8, 8), torch.float32)
    assert (sample["gt"].shape, sample["gt"].dtype) == ((3, 8, 8, 8), torch.float32)
    assert {value.device.type for value in sample.values()} == {"cpu"}


@pytest.mark.parametrize("shape", [(1, 6, 4), (6, 1, 4), (6, 4, 1)], ids=str)
def test_axes_of_one_voxel_go_from_inputs_and_targets_alike(shape, tmp_path) -> None:
    """A plane is delivered with two spatial axes, whichever axis it lies across."""
    raw = write_volume(tmp_path / "raw", ramp((8, 8, 8)))
    labels = write_labels(tmp_path, {"nuc": ramp((8, 8, 8))})
    plane = {"shape": shape, "scale": (8, 8, 8)}
    sample = CellMapDataset(raw, labels, ["nuc"], {"raw": plane}, {"gt": plane})[0]
    assert sample["raw"].shape == sample["gt"].shape == (1, 6, 4)
    np.testing.assert_array_equal(sample["gt"], sample["raw"])


@pytest.mark.parametrize(
    ("stored", "delivered"),
    [
        (np.uint8, torch.float32),
        (np.uint16, torch.float32),
        (np.uint32, torch.float64),
        (np.int32, torch.float64),
        (np.uint64, torch.float64),
    ],
    ids=lambda dtype: getattr(dtype, "__name__", ""),
)
def test_no_id_is_rounded(stored, delivered, tmp_path) -> None:
    """Labels stored with 32 or 64 bits are float64, others float32; natively they are as stored."""
    big = min(np.iinfo(stored).max, 2**53)
    raw = write_volume(tmp_path / "raw", ramp((8, 8, 8)))
    labels = write_labels(tmp_path, {"nuc": np.full((8, 8, 8), big, stored)})
    for dtype in ("float32", "native"):
        dataset = CellMapDataset(raw, labels, ["nuc"], INPUTS, TARGETS, dtype=dtype)
        gt = dataset[0]["gt"]
        assert {int(value) for value in gt.flatten().tolist()} == {big}
        assert gt.dtype == (delivered if dtype == "float32" else getattr(torch, stored.__name__))
    assert dataset[0]["gt_known"].tolist() == [True]


def test_native_samples_say_what_is_known(tmp_path) -> None:
    """As stored, with a bool for each class where floats would have NaN."""
    sample = open_crop(tmp_path, dtype="native")[0]
    assert sample["raw"].dtype == sample["gt"].dtype == torch.uint8
    assert sample["gt_known"].tolist() == [True, False, True]


@pytest.mark.parametrize("translation", [0, 104, -52.5])
def test_a_translation_is_the_middle_of_the_first_voxel(translation, tmp_path) -> None:
    """N voxels reach half a voxel beyond the middles of the first and the last."""
    path = write_volume(tmp_path, ramp((10, 10, 10)), (8, 8, 8), (translation,) * 3)
    image = CellMapImage(path, "raw", (8, 8, 8), (4, 4, 4))
    assert image.bounding_box == dict.fromkeys("zyx", (translation - 4, translation + 76))


@pytest.mark.parametrize("size", [4, 5], ids=["even", "odd"])
@pytest.mark.parametrize(
    ("off", "first"),
    [(0, 3), (3.9, 3), (4, 3), (4.007, 3), (4.1, 4), (-3.9, 3), (-4, 2), (-4.1, 2)],
    ids=lambda value: str(value),
)
def test_a_patch_is_named_by_its_middle(size, off, first, tmp_path) -> None:
    """Places between voxels go to the nearest; halfway, give or take a thousandth, they go down."""
    path = write_volume(tmp_path, ramp((12, 12, 12)), (8, 8, 8), (100, 100, 100))
    image = CellMapImage(path, "raw", (8, 8, 8), (size,) * 3)
    middle = 100 + 8 * (3 + size / 2 - 0.5)
    box = slice(first, first + size)
    np.testing.assert_array_equal(image[at(middle + off)], ramp((12, 12, 12))[box, box, box])


@pytest.mark.parametrize("size", [4, 5], ids=["even", "odd"])
def test_old_centres_find_their_voxels(size, tmp_path) -> None:
    """The patch from voxel k lies at t + (k + P/2) s, and at a saved centre less half a voxel."""
    image = CellMapImage(write_volume(tmp_path, ramp((12, 12, 12))), "raw", (8, 8, 8), (size,) * 3)
    old = 8 * (3 + size / 2)
    saved = old + 4
    expected = ramp((12, 12, 12))[(slice(3, 3 + size),) * 3]
    np.testing.assert_array_equal(image[at(old)], expected)
    np.testing.assert_array_equal(image[at(saved - 8 / 2)], expected)


def test_positions_are_all_places_where_a_patch_fits(tmp_path) -> None:
    """Both ends of the sampling box are positions, one each step, in C order."""
    raw = write_volume(tmp_path, ramp((9, 10, 11)))
    dataset = CellMapDataset(raw, input_arrays=INPUTS)
    box = dataset.sampling_box
    assert box == {"z": (28, 36), "y": (28, 44), "x": (28, 52)}
    assert len(dataset) == 2 * 3 * 4
    assert dataset.get_center(0) == {axis: lo for axis, (lo, _) in box.items()}
    assert dataset.get_center(len(dataset) - 1) == {axis: hi for axis, (_, hi) in box.items()}
    assert [sample["raw"][0, 0, 0, 0] for sample in dataset] == ramp((2, 3, 4)).flatten().tolist()


def test_positions_step_by_the_finest_input_where_all_sources_are(tmp_path) -> None:
    """The step is the finest scale of an input, and centres lie where every array fits raw and labels."""
    raw = write_volume(tmp_path / "raw", ramp((40, 40, 40)), levels=2)
    labels = write_labels(
        tmp_path, {"nuc": np.ones((20, 20, 20), np.uint8)}, translation=(80, 80, 80), levels=2
    )
    coarse = {"shape": (8, 8, 8), "scale": (16, 16, 16)}
    dataset = CellMapDataset(raw, labels, ["nuc"], {"fine": CUBE, "coarse": coarse}, {"gt": coarse})
    (lo, hi), *_ = dataset.sampling_box.values()
    assert 76 + 64 <= lo <= hi <= 76 + 160 - 64
    assert len(dataset) == (round((hi - lo) / 8) + 1) ** 3 > 1
    assert dataset.get_center(1)["x"] - dataset.get_center(0)["x"] == 8
    assert not any(dataset[i]["gt"].isnan().any() for i in (0, len(dataset) - 1))


def test_a_volume_smaller_than_a_patch(tmp_path) -> None:
    """Without pad it has no position; with pad one, in its middle, raw 0 and labels unknown around it."""
    raw = write_volume(tmp_path / "raw", np.full((4, 8, 8), 9, np.uint8))
    labels = write_labels(tmp_path, {"nuc": np.ones((4, 8, 8), np.uint8)})
    given = raw, labels, ["nuc"], INPUTS, TARGETS
    assert len(CellMapDataset(*given)) == 0
    assert CellMapDataset(*given).sampling_box is None
    (sample,) = CellMapDataset(*given, pad=True)
    assert sample["raw"][0, :, 0, 0].tolist() == [0, 0, 9, 9, 9, 9, 0, 0]
    assert sample["gt"][0, :, 0, 0].nan_to_num(-1).tolist() == [-1, -1, 1, 1, 1, 1, -1, -1]


def test_rotation_costs_no_positions(tmp_path) -> None:
    """A dataset that rotates has the positions of one that does not."""
    rotating = {"rotate": {"z": 45}}
    assert len(open_crop(tmp_path, spatial_transforms=rotating)) == len(open_crop(tmp_path))


@pytest.mark.parametrize(("shift", "down"), [(3, 0), (4, 0), (5, 1)], ids=["near", "halfway", "far"])
def test_labels_between_voxels_take_the_nearest(shift, down, tmp_path) -> None:
    """Labels whose voxels lie elsewhere than raw's are never blended; halfway they go down."""
    raw = write_volume(tmp_path / "raw", ramp((12, 12, 12)))
    values = ramp((12, 12, 12), np.uint32)
    labels = write_labels(tmp_path, {"id": values}, translation=(-shift,) * 3)
    sample = CellMapDataset(raw, labels, ["id"], INPUTS, TARGETS)[0]
    start = int(sample["raw"].min()) // 10101 + down
    np.testing.assert_array_equal(sample["gt"][0], values[(slice(start, start + 8),) * 3])


@pytest.mark.parametrize("size", [8.001, 8 - 1e-6], ids=str)
def test_nearly_equal_voxel_sizes_are_copied(size, tmp_path) -> None:
    """A size that departs by less than a hundredth of a voxel over the patch reads the stored voxels."""
    raw = write_volume(tmp_path, ramp((12, 12, 12)))
    dataset = CellMapDataset(raw, input_arrays={"raw": {"shape": (8, 8, 8), "scale": (size,) * 3}})
    np.testing.assert_array_equal(dataset[0]["raw"][0], ramp((12, 12, 12))[:8, :8, :8])


@pytest.mark.parametrize(("asked", "level"), [(8, 0), (15.9, 0), (15.999, 1), (16, 1), (20, 1)], ids=str)
def test_levels_are_chosen_with_that_tolerance(asked, level, tmp_path) -> None:
    """The coarsest level is read that is not coarser than asked, counting nearly equal as equal."""
    path = write_volume(tmp_path, ramp((32, 32, 32)), levels=2)
    assert CellMapImage(path, "raw", (asked,) * 3, (8, 8, 8)).scale_level == level


def test_finer_than_stored_is_interpolated_with_one_warning(tmp_path) -> None:
    """Raw is linear between stored voxels, labels are the nearest; one warning, and no fault, says so."""
    raw = write_volume(tmp_path / "raw", ramp((16, 16, 16)))
    labels = write_labels(tmp_path, {"id": ramp((16, 16, 16), np.uint32)})
    fine = {"shape": (8, 8, 8), "scale": (4, 4, 4)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = CellMapDataset(raw, labels, ["id"], {"raw": fine}, {"gt": fine})
        middle = len(dataset) // 2
        samples = [dataset[i] for i in (middle, middle, middle + 1)]
    assert 1 <= len(caught) <= 2, [str(one.message) for one in caught]  # one for each volume
    steps = samples[0]["raw"][0].diff(dim=-1).unique()
    assert steps.tolist() == pytest.approx([0.5])
    assert (samples[0]["gt"] % 1 == 0).all()
    assert set(samples[0]["gt"][0].diff(dim=-1).unique().tolist()) == {0, 1}


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_an_image_alone_snaps_to_stored_voxels(interpolation, tmp_path) -> None:
    """A place between voxels gives the voxels beside it, not a mixture."""
    path = write_volume(tmp_path, ramp((12, 12, 12)))
    image = CellMapImage(path, "raw", (8, 8, 8), (4, 4, 4), interpolation=interpolation)
    np.testing.assert_array_equal(image[at(44 + 2.5)], ramp((12, 12, 12))[4:8, 4:8, 4:8])


def test_outside_an_image_is_its_pad_value(tmp_path) -> None:
    """What sticks out of the volume holds the value that the image was given."""
    path = write_volume(tmp_path, ramp((8, 8, 8)))
    for value in (0.0, 7.0):
        patch = CellMapImage(path, "raw", (8, 8, 8), (4, 4, 4), pad=True, pad_value=value)[at(-4)]
        assert (patch[:2] == value).all()
        np.testing.assert_array_equal(patch[2:, 2:, 2:], ramp((2, 2, 2)))


def test_nobody_knows_a_class_that_is_not_annotated(tmp_path) -> None:
    """Its channel is NaN; those of annotated classes are not."""
    gt = open_crop(tmp_path)[0]["gt"]
    assert gt.isnan().flatten(1).all(1).tolist() == [False, True, False]
    assert not gt[::2].isnan().any()


def test_what_excludes_a_class_makes_it_zero(tmp_path) -> None:
    """Where an exclusive annotated class is positive it is 0, unknown elsewhere."""
    gt = open_crop(tmp_path, class_relation_dict={"er": ["nuc"]})[0]["gt"]
    assert (gt[1][gt[0] > 0] == 0).all()
    assert gt[1][gt[0] == 0].isnan().all()
    assert (gt[0] > 0).any()
    assert (gt[0] == 0).any()


def test_labels_reach_their_transforms_unscaled(tmp_path) -> None:
    """A client's usual pair, scale integers to 0..1 and binarize at a half, keeps labels: they are floats."""
    seen = []

    def scaled(values):  # as torchvision's ToDtype(float, scale=True)
        seen.append(values.dtype)
        return values if values.is_floating_point() else values / torch.iinfo(values.dtype).max

    plain = open_crop(tmp_path)[0]["gt"]
    binary = open_crop(tmp_path, target_value_transforms=[scaled, Binarize(0.5)])[0]["gt"]
    assert seen == [torch.float32]
    assert torch.equal(binary.nan_to_num(-1), plain.nan_to_num(-1))


@pytest.mark.parametrize("stored", [np.uint8, np.uint16], ids=lambda dtype: dtype.__name__)
def test_raw_is_0_to_1_under_the_usual_transform(stored, tmp_path) -> None:
    """Integers are scaled by their type and NaN made 0: white is 1 inside, and what is padded is 0."""

    def scaled(values):
        return values if values.is_floating_point() else values / torch.iinfo(values.dtype).max

    white = np.full((4, 8, 8), np.iinfo(stored).max, stored)
    dataset = CellMapDataset(
        write_volume(tmp_path, white),
        input_arrays=INPUTS,
        pad=True,
        raw_value_transforms=[scaled, NaNtoNum({"nan": 0})],
    )
    assert dataset[0]["raw"][0, :, 0, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("spelt", "same_as"),
    [
        ({"mirror": {"axes": {"x": 0.5}}}, {"mirror": {"x": 0.5}}),
        ({"mirror": {"x": True}}, {"mirror": {"axes": {"x": 0.5}}}),
        ({"transpose": True}, {"transpose": {"axes": ["z", "y", "x"]}}),
        ({"rotate": {"axes": {"z": 45}}}, {"rotate": {"z": [-45, 45]}}),
        ({"rotate": {"z": 45}}, {"rotate": {"axes": {"z": [-45, 45]}}}),
    ],
    ids=str,
)
def test_spatial_transforms_may_be_spelt_in_several_ways(spelt, same_as, tmp_path) -> None:
    """Spellings of one thing give the same samples, and not those of no transform."""
    datasets = [open_crop(tmp_path, spatial_transforms=each) for each in (spelt, same_as, None)]
    ours, theirs, plain = ([dataset[i] for i in range(60, 68)] for dataset in datasets)
    assert all(map(equal, ours, theirs))
    assert not all(map(equal, ours, plain))


@pytest.mark.parametrize(
    "options",
    [
        {"mirrors": {"x": 0.5}},
        {"mirror": {"w": 0.5}},
        {"rotate": {"angle": 45}},
        {"transpose": {"axis": "x"}},
    ],
    ids=str,
)
def test_what_no_spatial_transform_knows_is_an_error(options, tmp_path) -> None:
    """A misspelt key is refused when the dataset is made."""
    with pytest.raises(ValueError, match=r"mirror|rotate|transpose"):
        open_crop(tmp_path, spatial_transforms=options)


def test_classes_keep_their_channels(tmp_path) -> None:
    """The channels of a target follow the list of classes, not the order on disk."""
    dataset = open_crop(tmp_path)
    turned = CellMapDataset(dataset.raw_path, dataset.target_path, CLASSES[::-1], INPUTS, TARGETS)
    assert equal({"gt": turned[0]["gt"]}, {"gt": dataset[0]["gt"].flip(0)})
