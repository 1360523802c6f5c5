"""Value transforms: what reaches them, and what becomes of what they return."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset, CellMapMultiDataset
from cellmap_data.errors import ConfigurationError
from cellmap_data.transforms import NaNtoNum, Normalize, RandomContrast, RandomGamma
from tests.volumes import make_crop, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


def scaled(values: torch.Tensor) -> torch.Tensor:
    """To 0..1 by the range of the dtype, as torchvision's ToDtype(float, scale=True) does."""
    return values if values.is_floating_point() else values.float() / torch.iinfo(values.dtype).max


@pytest.mark.parametrize("stored", [np.uint8, np.uint16, np.int16, np.float32])
def test_raw_reaches_its_transform_as_stored(stored, tmp_path) -> None:
    """A transform sees the stored dtype and values, [1, *spatial]."""
    raw = write_multiscale(tmp_path, np.full((8, 8, 8), 51), dtype=stored)
    seen = []
    dataset = CellMapDataset(
        raw, input_arrays={"raw": CUBE}, raw_value_transforms=lambda x: seen.append(x) or x
    )
    assert dataset[0]["raw"].dtype == torch.float32
    assert seen[0].numpy().dtype == stored
    assert seen[0].shape == (1, 8, 8, 8)
    assert (seen[0] == 51).all()


@pytest.mark.parametrize("spatial", [None, {"rotate": {"z": [30, 30]}}], ids=["copied", "rotated"])
def test_scaled_raw_is_0_to_1_inside_and_0_where_it_is_missing(spatial, tmp_path) -> None:
    """Under a default that scales integers, uint8 comes out in 0..1, and padding is filled in afterwards."""
    raw = write_multiscale(tmp_path, np.full((4, 8, 8), 255, np.uint8))
    dataset = CellMapDataset(
        raw,
        input_arrays={"raw": CUBE},
        pad=True,
        raw_value_transforms=[scaled, lambda x: x + 1],
        spatial_transforms=spatial,
    )
    values = dataset[0]["raw"]
    assert values.dtype == torch.float32
    assert set(values.unique().tolist()) == {0.0, 2.0}
    assert (values[0, :2] == 0).all()
    assert (values[0, 3:5, 3:5, 3:5] == 2).all()


@pytest.mark.parametrize(
    "transforms",
    [Normalize(), [scaled, NaNtoNum({"nan": 0})], [scaled, RandomContrast((1, 1)), RandomGamma((1, 1))]],
    ids=["normalize", "a client's default", "contrast and gamma"],
)
def test_greys_come_out_as_0_to_1_under_our_transforms(transforms, tmp_path) -> None:
    """0, 1, ..., 255 become 0, 1/255, ..., 1, and what lies beyond the volume is black."""
    greys = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    dataset = CellMapDataset(
        write_multiscale(tmp_path, greys),
        input_arrays={"raw": CUBE},
        pad=True,
        raw_value_transforms=transforms,
    )
    values = dataset[0]["raw"][0].numpy()
    assert values[2:6] == pytest.approx(greys / 255, abs=1e-6)
    assert not values[[0, 1, 6, 7]].any()


def test_a_transform_that_changes_the_shape_gets_its_own_result_back(tmp_path) -> None:
    """Where the volume ends is not known in another shape, so nothing is filled in."""
    dataset = CellMapDataset(
        write_multiscale(tmp_path, np.full((4, 8, 8), 255, np.uint8)),
        input_arrays={"raw": CUBE},
        pad=True,
        raw_value_transforms=lambda x: x[:, ::2, ::2, ::2].float() + 1,
    )
    values = dataset[0]["raw"]
    assert values.shape == (1, 4, 4, 4)
    assert values.unique().tolist() == [1, 256]


def test_volumes_of_several_types_are_each_scaled_by_their_own(tmp_path) -> None:
    """White of 8 and of 16 bits is 1 in one batch."""
    crops = [
        CellMapDataset(
            write_multiscale(tmp_path / str(dtype), np.full((8, 8, 8), np.iinfo(dtype).max, dtype)),
            input_arrays={"raw": CUBE},
            raw_value_transforms=scaled,
        )
        for dtype in ("uint8", "uint16")
    ]
    both = CellMapMultiDataset(crops, None, {"raw": CUBE}, None)
    assert all((sample["raw"] == 1).all() for sample in both.__getitems__([0, 1]))


def test_a_patch_of_one_voxel_is_padded_too(tmp_path) -> None:
    """An input of a single voxel that lies beside its volume is 0, as every other, after the transforms."""
    raw = write_multiscale(tmp_path, np.full((1, 1, 1), 255, np.uint8))
    one = {"shape": (1, 1, 1), "scale": (8, 8, 8)}
    dataset = CellMapDataset(
        raw, input_arrays={"raw": CUBE, "one": one}, pad=True, raw_value_transforms=lambda x: x.float() + 1
    )
    sample = dataset[0]
    assert sample["one"].tolist() == [0.0]
    assert set(sample["raw"].unique().tolist()) == {0.0, 256.0}


def test_resampled_raw_is_rounded_to_its_dtype_before_a_transform(tmp_path) -> None:
    """Interpolated uint8 reaches the transform as uint8."""
    values = np.zeros((8, 8, 8), np.uint8)
    values[4:] = 255
    path = write_multiscale(tmp_path, values)
    coarse = {"shape": (4, 4, 4), "scale": (12, 12, 12)}
    seen = []
    dataset = CellMapDataset(
        path, input_arrays={"raw": coarse}, raw_value_transforms=lambda x: seen.append(x) or x
    )
    plain = CellMapDataset(path, input_arrays={"raw": coarse})
    assert (dataset[0]["raw"] - plain[0]["raw"]).abs().max() <= 0.5
    assert seen[0].dtype == torch.uint8


def test_without_transform_raw_is_its_stored_values(tmp_path) -> None:
    """Nothing is scaled that nobody asked to scale."""
    raw, _ = make_crop(tmp_path)
    assert CellMapDataset(raw, input_arrays={"raw": CUBE})[0]["raw"].max() > 200


def test_labels_reach_their_transform_as_floats_with_nan(tmp_path) -> None:
    """A target transform sees all classes at once, floats never rescaled, NaN for what is unknown."""
    raw, labels = make_crop(tmp_path, classes=("a", "b"), annotated=("a",))
    seen = []

    def binarize(values: torch.Tensor) -> torch.Tensor:
        seen.append(values.clone())
        return torch.where(values.isnan(), values, values > 0.5)

    dataset = CellMapDataset(
        raw, labels, ["a", "b"], {"raw": CUBE}, {"l": CUBE}, target_value_transforms=binarize
    )
    result = dataset[0]["l"]
    assert seen[0].dtype == torch.float32
    assert seen[0].shape == (2, 8, 8, 8)
    assert seen[0][1].isnan().all()
    assert result.dtype == torch.float32
    assert result[0].equal(seen[0][0])
    assert result[1].isnan().all()


@pytest.mark.parametrize("result", [torch.float64, torch.bool, torch.uint8, torch.float16], ids=str)
def test_what_a_transform_returns_is_delivered_as_float32(result, tmp_path) -> None:
    """Whatever dtype transforms return, all samples of a dataset have one."""
    raw, labels = make_crop(tmp_path)
    dataset = CellMapDataset(
        raw,
        labels,
        ["nuc"],
        {"raw": CUBE},
        {"l": CUBE},
        raw_value_transforms=lambda x: (x > 100).to(result),
        target_value_transforms=lambda x: (x > 0).to(result),
    )
    sample = dataset[0]
    assert sample["raw"].dtype == sample["l"].dtype == torch.float32
    assert sample["raw"].unique().tolist() == [0, 1]


class Noise:
    """Takes the sample's generator."""

    def __call__(self, values: torch.Tensor, *, rng: np.random.Generator) -> torch.Tensor:
        return values + torch.from_numpy(rng.normal(size=values.shape))


class NoiseModule(torch.nn.Module):
    def forward(self, values: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        return values + torch.from_numpy(rng.normal(size=values.shape))


@pytest.mark.parametrize("noise", [Noise(), NoiseModule()], ids=["object", "module"])
def test_a_transform_that_takes_rng_gets_the_samples_own(noise, tmp_path) -> None:
    """What a transform draws is a function of (seed, epoch, position)."""
    raw, _ = make_crop(tmp_path)

    def dataset(seed: int) -> CellMapDataset:
        return CellMapDataset(raw, input_arrays={"raw": CUBE}, raw_value_transforms=noise, seed=seed)

    one = dataset(1)
    assert one[3]["raw"].equal(dataset(1)[3]["raw"])
    assert not one[3]["raw"].equal(dataset(2)[3]["raw"])
    one.set_epoch(1)
    assert not one[3]["raw"].equal(dataset(1)[3]["raw"])


def test_a_foreign_random_transform_draws_for_its_sample(tmp_path) -> None:
    """A callable that draws from torch's global generator gives each sample its own, repeatable numbers."""
    raw, _ = make_crop(tmp_path)
    dataset = CellMapDataset(
        raw, input_arrays={"raw": CUBE}, raw_value_transforms=lambda x: x + torch.rand(x.shape), seed=1
    )
    first, other = dataset[3]["raw"], dataset[4]["raw"]
    state = torch.random.get_rng_state()
    assert dataset[3]["raw"].equal(first)
    assert not (dataset[4]["raw"] - other).any()
    assert torch.random.get_rng_state().equal(state)


def test_all_inputs_of_a_sample_draw_alike(tmp_path) -> None:
    """What is drawn for one input is drawn for the others; two transforms in a row draw differently."""
    raw, _ = make_crop(tmp_path)

    def zeros(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(values.shape)

    def draws(number: int) -> torch.Tensor:
        dataset = CellMapDataset(
            raw,
            input_arrays={"a": CUBE, "b": CUBE},
            raw_value_transforms=[zeros, *[Noise()] * number],
            seed=1,
        )
        sample = dataset[0]
        assert sample["a"].equal(sample["b"])
        return sample["a"]

    assert not draws(2).allclose(2 * draws(1))


def test_transforms_can_be_replaced(tmp_path) -> None:
    """Each setter replaces its own transforms and leaves the others."""
    raw, labels = make_crop(tmp_path)
    dataset = CellMapDataset(raw, labels, ["nuc"], {"raw": CUBE}, {"l": CUBE}, seed=0)
    plain = dataset[5]
    dataset.set_raw_value_transforms(lambda x: x.float() * 2)
    dataset.set_target_value_transforms(lambda x: x + 5)
    assert dataset[5]["raw"].equal(plain["raw"] * 2)
    assert dataset[5]["l"].equal(plain["l"] + 5)
    dataset.set_spatial_transforms({"mirror": {"x": 1.0}})
    assert dataset[5]["raw"].equal(plain["raw"].flip(3) * 2)
    dataset.set_raw_value_transforms(None)
    dataset.set_target_value_transforms(None)
    dataset.set_spatial_transforms(None)
    assert all(dataset[5][name].equal(plain[name]) for name in plain)


def test_what_cannot_be_called_is_refused(tmp_path) -> None:
    """A transform that is no callable is an error when the dataset is made."""
    with pytest.raises(ConfigurationError, match="callable"):
        CellMapDataset(str(tmp_path), input_arrays={"raw": CUBE}, raw_value_transforms=[scaled, 3])
