"""What torchvision's transforms make of our samples; run by ``make test-torchvision``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapImage
from cellmap_data.transforms import Binarize, NaNtoNum, RandomContrast, RandomGamma
from tests.volumes import make_crop, write_multiscale

v2 = pytest.importorskip("torchvision.transforms.v2", reason="make test-torchvision has it")

pytestmark = pytest.mark.torchvision

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}


def client_default() -> torch.nn.Module:
    """What existing programs apply to raw when they apply nothing of their own."""
    return v2.Compose([v2.ToDtype(torch.float32, scale=True), NaNtoNum({"nan": 0})])


@pytest.mark.parametrize("spatial", [None, {"rotate": {"z": [30, 30]}}], ids=["copied", "rotated"])
@pytest.mark.parametrize("stored", [np.uint8, np.uint16], ids=lambda dtype: dtype.__name__)
def test_integer_raw_comes_out_as_0_to_1_inside_and_at_padded_borders(stored, spatial, tmp_path) -> None:
    """White is 1 where there is a volume, and 0 beyond it: scaled once, by the type it is stored as."""
    raw = write_multiscale(tmp_path, np.full((4, 8, 8), np.iinfo(stored).max, stored))
    dataset = CellMapDataset(
        raw,
        input_arrays={"raw": CUBE},
        pad=True,
        raw_value_transforms=client_default(),
        spatial_transforms=spatial,
    )
    values = dataset[0]["raw"]
    assert values.dtype == torch.float32
    assert values.unique().tolist() == [0, 1]
    assert (values[0, :2] == 0).all()
    assert (values[0, 3:5, 3:5, 3:5] == 1).all()


def test_every_grey_of_8_bits_keeps_its_place(tmp_path) -> None:
    """0, 1, ..., 255 become 0, 1/255, ..., 1."""
    greys = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    dataset = CellMapDataset(
        write_multiscale(tmp_path, greys),
        input_arrays={"raw": {"shape": (4, 8, 8), "scale": (8, 8, 8)}},
        raw_value_transforms=client_default(),
    )
    assert dataset[0]["raw"][0].numpy() == pytest.approx(greys / 255)


def test_float_raw_is_taken_as_it_is_and_its_nan_becomes_0(tmp_path) -> None:
    """ToDtype scales integers only; what the volume itself does not know is 0."""
    values = np.full((8, 8, 8), 0.25, np.float32)
    values[0] = np.nan
    dataset = CellMapDataset(
        write_multiscale(tmp_path, values), input_arrays={"raw": CUBE}, raw_value_transforms=client_default()
    )
    raw = dataset[0]["raw"]
    assert (raw[0, 0] == 0).all()
    assert (raw[0, 1:] == 0.25).all()


def test_a_bare_image_scales_alike(tmp_path) -> None:
    """A CellMapImage hands its transform the stored type, and fills in its pad value afterwards."""
    raw = write_multiscale(tmp_path, np.full((4, 8, 8), 255, np.uint8))
    image = CellMapImage(
        raw, "raw", (8, 8, 8), (8, 8, 8), pad=True, pad_value=0.5, value_transform=client_default()
    )
    assert image[image.get_center(0)].unique().tolist() == [0.5, 1]


def test_contrast_and_gamma_do_not_saturate_after_scaling(tmp_path) -> None:
    """They take floats as images between 0 and 1, which is what they get."""
    greys = np.linspace(64, 191, 512).astype(np.uint8).reshape(8, 8, 8)
    steps = [v2.ToDtype(torch.float32, scale=True), RandomContrast(), RandomGamma(), NaNtoNum()]
    dataset = CellMapDataset(
        write_multiscale(tmp_path, greys),
        input_arrays={"raw": CUBE},
        raw_value_transforms=v2.Compose(steps),
        seed=0,
    )
    values = dataset[0]["raw"]
    assert 0 <= values.min() < values.max() <= 1
    assert values.unique().numel() > 50


def test_the_default_of_targets_erases_no_labels(tmp_path) -> None:
    """Labels are floats when ToDtype meets them, so scaling leaves them and Binarize finds them."""
    raw, labels = make_crop(tmp_path, classes=("a", "b"), annotated=("a",))
    transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), Binarize(0.5)])

    def dataset(target_value_transforms: object) -> CellMapDataset:
        arrays = {"raw": CUBE}, {"l": CUBE}
        return CellMapDataset(
            raw, labels, ["a", "b"], *arrays, target_value_transforms=target_value_transforms
        )

    stored, binary = dataset(None)[0]["l"], dataset(transform)[0]["l"]
    assert stored[0].max() >= 1
    assert binary[0].equal((stored[0] > 0).float())
    assert binary[1].isnan().all()


def in_workers(num_workers: int, raw: str) -> list[torch.Tensor]:
    dataset = CellMapDataset(
        raw,
        input_arrays={"raw": CUBE},
        raw_value_transforms=v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.GaussianNoise(), v2.RandomApply([v2.GaussianBlur(3)])]
        ),
        seed=3,
    )
    loader = CellMapDataLoader(dataset, batch_size=2, num_workers=num_workers, iterations_per_epoch=3)
    return [batch["raw"].clone() for batch in loader]


def test_random_transforms_draw_for_their_sample(tmp_path) -> None:
    """What torchvision draws is a function of the sample: the same in this process and in workers."""
    raw, _ = make_crop(tmp_path)
    here, there = in_workers(0, raw), in_workers(2, raw)
    assert all(one.equal(other) for one, other in zip(here, there, strict=True))
    assert not here[0].equal(here[1])
