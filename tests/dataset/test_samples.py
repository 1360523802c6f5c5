"""What a sample is: keys, shapes, types, indices, memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset
from cellmap_data.sampler import Draw, SampleIndex
from tests.volumes import make_crop, ramp, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


@pytest.fixture
def dataset(tmp_path) -> CellMapDataset:
    raw, labels = make_crop(tmp_path, (16, 16, 16))
    return CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": CUBE}, {"labels": CUBE})


@pytest.mark.parametrize(
    ("shape", "scale", "delivered"),
    [
        pytest.param((8, 8, 8), (8, 8, 8), (8, 8, 8), id="3-D"),
        pytest.param((1, 8, 9), (8, 8, 8), (8, 9), id="plane of 1"),
        pytest.param((8, 9), (8, 8), (8, 9), id="plane of two numbers"),
        pytest.param((8, 1, 9), (8, 8, 8), (8, 9), id="plane across y"),
        pytest.param((1, 1, 1), (8, 8, 8), (), id="one voxel"),
    ],
)
def test_axes_of_one_voxel_are_squeezed_from_inputs_and_targets(shape, scale, delivered, tmp_path) -> None:
    """A sample is idx, [1, *spatial] float32 inputs and [classes, *spatial] float32 targets."""
    raw, labels = make_crop(tmp_path, (16, 16, 16))
    arrays = {"shape": shape, "scale": scale}
    sample = CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": arrays}, {"labels": arrays})[3]
    assert list(sample) == ["idx", "raw", "labels"]
    assert sample["idx"].shape == ()
    assert (sample["idx"].dtype, int(sample["idx"])) == (torch.int64, 3)
    assert sample["raw"].shape == (1, *delivered)
    assert sample["labels"].shape == (2, *delivered)
    assert sample["raw"].dtype == sample["labels"].dtype == torch.float32


@pytest.mark.parametrize(
    ("stored", "delivered"),
    [
        (np.uint8, torch.float32),
        (np.int16, torch.float32),
        (np.uint32, torch.float64),
        (np.int64, torch.float64),
        (np.float32, torch.float32),
        (np.float64, torch.float32),
        (np.bool_, torch.float32),
    ],
)
def test_labels_are_floats_that_hold_every_id(stored, delivered, tmp_path) -> None:
    """Labels of 32 and 64 bit come as float64 with every id intact, others as float32."""
    ids = np.full(
        (8, 8, 8), 2**24 + 1 if np.dtype(stored).itemsize > 2 and np.dtype(stored).kind in "iu" else 1
    )
    raw = write_multiscale(tmp_path / "raw", np.zeros((8, 8, 8), np.uint8))
    labels = write_multiscale(tmp_path / "id", ids, dtype=stored)
    sample = CellMapDataset(raw, labels, ["id"], {"raw": CUBE}, {"ids": CUBE})[0]
    assert sample["ids"].dtype == delivered
    assert (sample["ids"] == ids.flat[0]).all()


def test_native_samples_are_as_stored_with_what_is_known(tmp_path) -> None:
    """With dtype="native" nothing is cast, and a bool for each class takes the place of NaN."""
    raw, labels = make_crop(tmp_path, (8, 8, 8), classes=("a", "b", "c"), annotated=("a", "c"))
    dataset = CellMapDataset(raw, labels, ["a", "b", "c"], {"raw": CUBE}, {"l": CUBE}, dtype="native")
    sample = dataset[0]
    assert set(sample) == {"idx", "raw", "l", "l_known"}
    assert sample["raw"].dtype == sample["l"].dtype == torch.uint8
    assert sample["l_known"].tolist() == [True, False, True]
    assert not sample["l"][1].any()
    assert sample["l"][0].any()


def test_raw_only_needs_no_labels(tmp_path) -> None:
    """Without target arrays or classes a sample is idx and the inputs."""
    raw, labels = make_crop(tmp_path)
    for dataset in (
        CellMapDataset(raw, input_arrays={"raw": CUBE}),
        CellMapDataset(raw, labels, None, {"raw": CUBE}, {"labels": CUBE}),
        CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, {}),
    ):
        assert set(dataset[0]) == {"idx", "raw"}
        assert dataset.target_arrays == {}
        assert dataset.target_sources == {}


def test_indices_are_those_of_a_list(dataset) -> None:
    """Negative indices count from the end, iteration ends, and beyond there is an IndexError."""
    size = len(dataset)
    assert size == 9**3
    assert int(dataset[-1]["idx"]) == size - 1
    assert int(dataset[torch.tensor(3)]["idx"]) == 3
    assert int(dataset[np.int64(3)]["idx"]) == 3
    for i in (size, -size - 1):
        with pytest.raises(IndexError, match=f"< {size}"):
            dataset[i]
    assert sum(1 for _ in itertools.islice(iter(dataset), size + 1)) == size


def test_a_batch_is_read_into_the_memory_it_is_given(dataset) -> None:
    """Memory is asked for once for each array, and the samples are views of its rows."""
    given = {}

    def allocate(name, shape, dtype):
        assert name not in given
        given[name] = np.empty(shape, dtype)
        return given[name]

    samples = dataset.read_batch([5, 3, 5], allocate)
    assert {name: array.shape for name, array in given.items()} == {
        "idx": (3,),
        "raw": (3, 1, 8, 8, 8),
        "labels": (3, 2, 8, 8, 8),
    }
    for row, sample in enumerate(samples):
        for name, tensor in sample.items():
            assert tensor.data_ptr() == given[name][row : row + 1].ctypes.data
            assert tensor.equal(dataset[int(sample["idx"])][name])


def test_a_batch_of_nothing_is_empty(dataset) -> None:
    """No indices, no samples."""
    assert dataset.__getitems__([]) == []


def test_augmentation_is_a_function_of_seed_epoch_and_place(tmp_path) -> None:
    """Plain indices draw from (seed, epoch, index); an index with a draw of its own uses that."""
    raw, labels = make_crop(tmp_path, (16, 16, 16))
    mirror = {"mirror": {"z": 0.5, "y": 0.5, "x": 0.5}}

    def samples(seed, epoch, indices=range(20)):
        made = CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, spatial_transforms=mirror, seed=seed)
        made.set_epoch(epoch)
        return torch.stack([made[i]["raw"] for i in indices])

    assert samples(1, 0).equal(samples(1, 0))
    assert not samples(1, 0).equal(samples(1, 1))
    assert not samples(1, 0).equal(samples(2, 0))
    drawn = [SampleIndex(i, Draw(1, 0, i)) for i in range(20)]
    assert samples(7, 3, drawn).equal(samples(1, 0))


def test_no_augmentation_out_of_training(tmp_path) -> None:
    """With is_train=False spatial transforms are not drawn."""
    raw, _ = make_crop(tmp_path, (16, 16, 16))
    mirror = {"mirror": {"z": 1.0}}
    plain = CellMapDataset(raw, input_arrays={"raw": CUBE})
    still = CellMapDataset(raw, input_arrays={"raw": CUBE}, spatial_transforms=mirror, is_train=False)
    assert still[7]["raw"].equal(plain[7]["raw"])
    still.is_train = True
    assert still[7]["raw"].equal(plain[7]["raw"].flip(1))


def test_boxes_centres_and_sources(dataset) -> None:
    """The dataset tells where it is, and gives its sources as images that read the same voxels."""
    assert dataset.bounding_box == dict.fromkeys("zyx", (-4.0, 124.0))
    assert dataset.sampling_box == dict.fromkeys("zyx", (28.0, 92.0))
    assert dataset.get_center(1) == {"z": 28.0, "y": 28.0, "x": 36.0}
    assert dataset.get_crop_class_matrix().tolist() == [[True, True]]
    sample, centre = dataset[100], dataset.get_center(100)
    assert dataset.input_sources["raw"][centre].equal(sample["raw"][0])
    assert dataset.target_sources["mito"][centre].equal(sample["labels"][1])
    assert dataset.target_array_sources["labels"]["nuc"][centre].equal(sample["labels"][0])
    assert dataset.verify()
    assert dataset.to("cpu") is dataset


@pytest.mark.parametrize("pad", [True, "constant"], ids=repr)
def test_a_crop_smaller_than_a_patch_has_a_position_only_with_pad(pad, tmp_path) -> None:
    """Without pad there is none; with pad one in the middle, raw 0 and labels unknown outside."""
    raw = write_multiscale(tmp_path / "raw", np.full((4, 16, 16), 7, np.uint8))
    labels = write_multiscale(tmp_path / "nuc", np.ones((4, 16, 16), np.uint8))
    arguments = raw, labels, ["nuc"], {"raw": CUBE}, {"labels": CUBE}
    without = CellMapDataset(*arguments)
    assert (len(without), without.sampling_box, without.verify()) == (0, None, False)
    padded = CellMapDataset(*arguments, pad=pad)
    assert len(padded) == 81
    sample = padded[0]
    assert (sample["raw"][0, 2:6] == 7).all()
    assert (sample["raw"] == 0).sum() == 4 * 64
    assert (sample["labels"][0, 2:6] == 1).all()
    assert sample["labels"].isnan().sum() == 4 * 64


def test_a_padded_class_is_not_known_natively(tmp_path) -> None:
    """A class of which a part of the patch is unknown does not count as known."""
    raw = write_multiscale(tmp_path / "raw", np.full((4, 16, 16), 7, np.uint8))
    labels = write_multiscale(tmp_path / "nuc", np.ones((4, 16, 16), np.uint8))
    sample = CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, {"labels": CUBE}, pad=True, dtype="native")[
        0
    ]
    assert sample["labels_known"].tolist() == [False]
    assert sample["labels"].sum() == 4 * 64


def test_a_crop_of_exactly_one_patch_has_one_position(tmp_path) -> None:
    """A crop as large as the patch is one sample."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8)))
    dataset = CellMapDataset(path, input_arrays={"raw": CUBE})
    assert len(dataset) == 1
    np.testing.assert_array_equal(dataset[0]["raw"][0], ramp((8, 8, 8)))


def test_a_volume_without_z_gives_planes(tmp_path) -> None:
    """A stored 2-D image is a volume of one plane, whatever size is asked for along z."""
    path = write_multiscale(tmp_path, ramp((24, 32)), voxel=(4, 8), origin=(100, 200), ngff="0.5")
    for scale in ((8, 4, 8), (4, 8)):
        dataset = CellMapDataset(path, input_arrays={"raw": {"shape": (8, 8), "scale": scale}})
        assert len(dataset) == 17 * 25
        np.testing.assert_array_equal(dataset[26]["raw"][0], ramp((24, 32))[1:9, 1:9])


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "raw only"])
def test_a_position_is_described_by_paths_and_centre(labelled, tmp_path) -> None:
    """The description has the paths and the centre in nm; beyond the end there is none."""
    raw, labels = make_crop(tmp_path, (8, 8, 9), voxel_size=(8, 4, 2.5))
    cube = {"shape": (8, 8, 8), "scale": (8, 4, 2.5)}
    target = (labels, ["nuc", "mito"]) if labelled else (None, None)
    dataset = CellMapDataset(raw, *target, {"raw": cube}, {"l": cube})
    listed = f"raw {raw}, labels {labels}" if labelled else f"raw {raw}"
    assert dataset.describe(1) == f"{listed}, centre (z, y, x) = (28, 14, 11.25) nm"
    assert dataset.describe(-1) == dataset.describe(1)
    with pytest.raises(IndexError):
        dataset.describe(2)
