"""Draws that hit a class in real volumes: the voxel is there, for certain where that is promised."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cellmap_data import (
    CellMapDataLoader,
    CellMapDataset,
    CellMapMultiDataset,
    CellMapSubset,
    EnhancedCellMapDataLoader,
    ForegroundSampler,
)
from cellmap_data.errors import ConfigurationError
from cellmap_data.testing import ramp, write_labels, write_volume

CLASSES = ["nuc", "mito", "er"]
SIZES = (4.0, 5.24, 8.0)

few = settings(
    max_examples=max(settings.default.max_examples // 4, 1), suppress_health_check=[HealthCheck.too_slow]
)


BETWEEN = {
    "size": (4.0, 4.0, 4.0),
    "origin": (0.0, 0.0, 0.0),
    "shape": (3, 3, 6),
    "raw_size": (8.0, 8.0, 8.0),
    "raw_shape": (6, 6, 6),
    "raw_shift": 0.0,
    "patch": (1, 1, 1),
    "asked": (4.0, 4.0, 4.0),
    "input": (3, 2, 2),
    "pad": False,
    "mirror": False,
    "seed": 0,
    "rarity": 0.5,
    "block": 3,
}
"""Patches of one voxel at every second voxel: the one that is kept of a block lies between."""


@st.composite
def options(draw):
    """Labels, raw and what is asked of both; the target's voxels are as large as stored ones, or smaller."""
    size, shift = draw(st.tuples(*[st.sampled_from(SIZES)] * 3)), draw(st.sampled_from((0.0, 104.0, -52.4)))
    shape = draw(st.tuples(*[st.integers(3, 12)] * 3))
    finer = draw(st.sampled_from((1, 1, 2)))
    return {
        "size": size,
        "origin": (shift, 0.0, shift / 2),
        "shape": shape,
        "raw_size": draw(st.sampled_from((size, tuple(s / 2 for s in size), (8.0, 8.0, 8.0)))),
        "raw_shape": draw(st.tuples(*[st.integers(6, 30)] * 3)),
        "raw_shift": draw(st.sampled_from((0.0, 3.1, -16.0))),
        "patch": draw(st.tuples(*[st.integers(1, 5)] * 3)),
        "asked": tuple(s / finer for s in size),
        "input": draw(st.tuples(*[st.integers(2, 6)] * 3)),
        "pad": draw(st.booleans()),
        "mirror": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
        "rarity": draw(st.sampled_from((0.003, 0.05, 0.5))),
        "block": draw(st.sampled_from((1, 3, 8, 32))),
    }


def made(folder: Path, given_) -> CellMapDataset:
    """Write the volumes and open them."""
    rng = np.random.default_rng(given_["seed"])
    raw = write_volume(
        folder / "raw",
        ramp(given_["raw_shape"]),
        given_["raw_size"],
        [t + given_["raw_shift"] for t in given_["origin"]],
    )
    masks = {
        name: (rng.random(given_["shape"]) < given_["rarity"]).astype(np.uint8) for name in ("nuc", "mito")
    }
    labels = write_labels(folder, masks, voxel_size=given_["size"], translation=given_["origin"])
    return CellMapDataset(
        raw,
        labels,
        CLASSES,
        {"raw": {"shape": given_["input"], "scale": given_["raw_size"]}},
        {"labels": {"shape": given_["patch"], "scale": given_["asked"]}},
        pad=given_["pad"],
        spatial_transforms={"mirror": dict.fromkeys("zyx", 0.5)} if given_["mirror"] else None,
        dtype="native",
        seed=given_["seed"],
    )


def leaves_no_gap(given_) -> bool:
    """Whether patches of the target are as long as the step from one position to the next."""
    axes = zip(given_["patch"], given_["asked"], given_["raw_size"], strict=True)
    return all(voxels * size >= step for voxels, size, step in axes)


@pytest.mark.filterwarnings("ignore:Finer voxels are asked for")
@few
@given(options())
@example(BETWEEN)
def test_every_draw_shows_its_class(given_) -> None:
    """Anisotropic, padded, mirrored, upsampled, off raw's lattice: each patch drawn for a class shows it."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = made(Path(folder), given_)
        if not len(dataset):
            return
        for channel, name in enumerate(CLASSES):
            try:
                sampler = ForegroundSampler(
                    dataset, 20, 1, share=1.0, classes={name: 1}, block=given_["block"]
                )
            except ConfigurationError:
                if leaves_no_gap(given_):
                    shown = (dataset[i]["labels"][channel] for i in range(0, len(dataset), 7))
                    assert not any((patch > 0).any() for patch in shown), name
                continue
            for sample in dataset.__getitems__(list(sampler)):
                assert (sample["labels"][channel] > 0).any(), name
        dataset.close()


def many(path, shapes, **options) -> CellMapMultiDataset:
    """Crops with a single voxel of "nuc" in the first, and of "mito" in the last."""
    crops = []
    for number, shape in enumerate(shapes):
        mask = {"nuc": np.zeros(shape, np.uint8), "mito": np.zeros(shape, np.uint8)}
        if number == 0:
            mask["nuc"][5, 6, 7] = 1
        if number == len(shapes) - 1:
            mask["mito"][-1, -1, -1] = 1
        folder = path / str(number)
        raw = write_volume(folder / "raw", ramp(shape))
        crops.append(CellMapDataset(raw, write_labels(folder, mask), CLASSES, **options))
    return CellMapMultiDataset(crops)


INPUTS = {"raw": {"shape": (4, 4, 4), "scale": (8, 8, 8)}}
TARGETS = {"labels": {"shape": (4, 4, 4), "scale": (8, 8, 8)}}


def test_single_voxels_in_many_crops_are_hit_by_every_draw(tmp_path) -> None:
    """Of thousands of positions only those are drawn that show the voxel, and each of them."""
    dataset = many(tmp_path, [(20, 20, 20)] * 5, input_arrays=INPUTS, target_arrays=TARGETS)
    sampler = ForegroundSampler(dataset, 2000, 1, share=1.0)
    assert sampler.blocks == {"nuc": 1, "mito": 1}
    drawn = np.unique(list(sampler))
    crop, last = 17**3, 5 * 17**3 - 1
    assert drawn[-1] == last  # the corner is in one patch only
    z, y, x = np.unravel_index(drawn[:-1], (17, 17, 17))
    assert len(drawn) == 4**3 + 1
    assert drawn[-2] < crop
    assert {*z} == {2, 3, 4, 5}
    assert {*y} == {3, 4, 5, 6}
    assert {*x} == {4, 5, 6, 7}


def test_a_voxel_that_no_position_shows_is_not_drawn(tmp_path) -> None:
    """Where raw ends before labels do, what lies beyond does not count, and blocks are not lost for it."""
    raw = write_volume(tmp_path / "raw", ramp((8, 8, 8)))
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[7, 7, 7] = mask[9:, 9:, 9:] = 1  # the middle one in C order is out of reach
    dataset = CellMapDataset(raw, write_labels(tmp_path, {"nuc": mask}), ["nuc"], INPUTS, TARGETS)
    sampler = ForegroundSampler(dataset, 50, 1, share=1.0)
    assert set(sampler) == {len(dataset) - 1}


def test_the_same_crop_may_come_twice(tmp_path) -> None:
    """A dataset that is listed twice is drawn from in both places."""
    (crop,) = many(tmp_path, [(12, 12, 12)], input_arrays=INPUTS, target_arrays=TARGETS).datasets
    twice = CellMapMultiDataset([crop, crop])
    drawn = np.array(list(ForegroundSampler(twice, 400, 1, share=1.0)))
    assert {*(drawn // len(crop))} == {0, 1}


def test_nothing_to_show_is_an_error(tmp_path) -> None:
    """Labels without any of the classes, raw alone, and crops without positions have no foreground."""
    raw = write_volume(tmp_path / "raw", ramp((8, 8, 8)))
    labels = write_labels(tmp_path, {"nuc": np.zeros((8, 8, 8), np.uint8)})
    large = {"raw": {"shape": (99, 99, 99), "scale": (8, 8, 8)}}
    for dataset in (
        CellMapDataset(raw, labels, CLASSES, INPUTS, TARGETS),
        CellMapDataset(raw, input_arrays=INPUTS),
        CellMapDataset(raw, labels, CLASSES, large, TARGETS),
    ):
        with pytest.raises(ConfigurationError, match="shows"):
            ForegroundSampler(dataset, 10)


def test_some_positions_of_a_dataset_have_no_foreground_of_their_own(tmp_path) -> None:
    """A subset lists positions, so there is nothing to draw around a voxel: the error says what to give."""
    dataset = many(tmp_path, [(12, 12, 12)], input_arrays=INPUTS, target_arrays=TARGETS)
    with pytest.raises(ConfigurationError, match="CellMapSubset"):
        ForegroundSampler(CellMapSubset(dataset, range(5)))


@pytest.mark.parametrize("kind", [CellMapDataLoader, EnhancedCellMapDataLoader])
def test_a_loader_draws_what_the_sampler_says(kind, tmp_path) -> None:
    """Batch by batch, epoch by epoch, in the order of the sampler's draws for its seed."""
    dataset = many(tmp_path, [(12, 12, 12)] * 2, input_arrays=INPUTS, target_arrays=TARGETS)
    sampler = ForegroundSampler(dataset, 12, 5)
    loader = kind(dataset, batch_size=4, sampler=sampler)
    for epoch in range(2):
        drawn = [i for batch in loader for i in batch["idx"].tolist()]
        assert drawn == sampler.order(5).indices(epoch, np.arange(12)).tolist()
