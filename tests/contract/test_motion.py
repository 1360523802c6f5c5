"""How spatial transforms are drawn, as seen in samples."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapDataset
from cellmap_data.testing import write_labels, write_volume
from tests.contract.crops import CUBE, INPUTS, TARGETS
from tests.sampler.statistics import fits


def slope(path, axis: int, size: int = 20) -> str:
    """A volume whose values grow along one axis alone."""
    values = np.arange(size, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    return write_volume(path, np.broadcast_to(values, (size,) * 3).copy())


@pytest.mark.parametrize(("asked", "chance"), [(0.2, 0.2), (True, 0.5), (1.0, 1.0)])
def test_mirrors_are_drawn_with_their_probability(asked, chance, tmp_path) -> None:
    """A number is the probability of a mirror, True is a half (600 samples)."""
    raw = slope(tmp_path, 2)
    dataset = CellMapDataset(raw, input_arrays=INPUTS, spatial_transforms={"mirror": {"x": asked}}, seed=1)
    patches = (dataset[i]["raw"][0, 0, 0] for i in range(600))
    mirrored = np.array([bool(row[0] > row[-1]) for row in patches])
    assert fits([mirrored.sum(), (~mirrored).sum()], [chance, 1 - chance])


@pytest.mark.parametrize(("asked", "low", "high"), [(45, -45, 45), ([10, 40], 10, 40)], ids=str)
def test_angles_are_uniform_degrees(asked, low, high, tmp_path) -> None:
    """One number means minus that to that; each angle is as likely as any other (600 samples)."""
    raw, patch = slope(tmp_path, 2, 40), {"raw": {"shape": (2, 9, 9), "scale": (8, 8, 8)}}
    dataset = CellMapDataset(raw, input_arrays=patch, spatial_transforms={"rotate": {"z": asked}}, seed=1)
    middle = len(dataset) // 2 + 16
    angles = []
    for i in range(middle, middle + 600):
        dataset.set_epoch(i)
        (along_y, along_x) = (
            float(step.mean()) for step in np.gradient(dataset[middle]["raw"][0, 1].numpy())
        )
        angles.append(np.degrees(np.arctan2(along_y, along_x)))
    sign = 1 if abs(min(angles) - low) < abs(max(angles) + low) else -1  # which way is up is no matter here
    assert fits(np.histogram(np.array(angles) * sign, 6, (low - 1e-3, high + 1e-3))[0], np.ones(6))
    assert low - 0.1 < min(sign * a for a in angles) < max(sign * a for a in angles) < high + 0.1


def test_raw_and_every_label_move_together(tmp_path) -> None:
    """What is mirrored and transposed in raw is so in each class of each target, at each scale."""
    blocks = np.random.default_rng(0).integers(1, 200, (16, 16, 16), np.uint8)
    values = np.kron(blocks, np.ones((2, 2, 2), np.uint8))
    raw = write_volume(tmp_path / "raw", values, levels=2)
    labels = write_labels(tmp_path, {"nuc": values, "mito": 200 - values}, levels=2)
    coarse = {"shape": (4, 4, 4), "scale": (16, 16, 16)}
    dataset = CellMapDataset(
        raw,
        labels,
        ["nuc", "mito"],
        {"raw": CUBE, "wide": coarse},
        {**TARGETS, "few": coarse},
        spatial_transforms={"mirror": dict.fromkeys("zyx", 0.5), "transpose": {"axes": ["z", "y", "x"]}},
        dtype="native",
        seed=2,
    )
    places = 2 * np.random.default_rng(1).integers(0, 13, (100, 3))  # where voxels of both scales begin
    moved = 0
    for z, y, x in places.tolist():
        sample = dataset[(z * 25 + y) * 25 + x]
        for raw_name, target in (("raw", "gt"), ("wide", "few")):
            assert (sample[target][0] == sample[raw_name][0]).all()
            assert (sample[target][1] == 200 - sample[raw_name][0]).all()
        moved += not np.array_equal(sample["raw"][0], values[z : z + 8, y : y + 8, x : x + 8])
    assert moved > 50


def test_volumes_that_do_not_meet_have_no_box(tmp_path) -> None:
    """Raw and labels without common space have neither boxes nor positions."""
    raw = slope(tmp_path / "raw", 0)
    labels = write_labels(tmp_path, {"nuc": np.ones((9, 9, 9), np.uint8)}, translation=(10**4, 0, 0))
    dataset = CellMapDataset(raw, labels, ["nuc"], INPUTS, TARGETS)
    assert (dataset.bounding_box, dataset.sampling_box, len(dataset)) == (None, None, 0)
