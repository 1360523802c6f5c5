"""Coarser levels show what the finest one shows."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapImage
from cellmap_data.errors import StoreError
from cellmap_data.ngff import format_violations, listed_paths
from cellmap_data.storage import read_attributes
from tests.image_writer.outputs import FORMATS, files_no_longer_than, fill, make, ramp_of, stored


def halved(values: np.ndarray, combine) -> np.ndarray:
    """Each 2 x 2 x 2 voxels combined, by hand; fewer at the end of an axis of odd length."""
    shape = [-(-n // 2) for n in values.shape]
    out = np.empty(shape, values.dtype)
    for place in np.ndindex(*shape):
        out[place] = combine(values[tuple(slice(2 * k, 2 * k + 2) for k in place)])
    return out


def first(part: np.ndarray):
    return part[0, 0, 0]


def most(part: np.ndarray):
    values, counts = np.unique(part, return_counts=True)
    return values[counts.argmax()]


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_levels_are_averages_where_they_belong(options, tmp_path) -> None:
    """Each level is the mean of the finer one, of odd lengths too, and listed with its place and size."""
    box = {"z": (0, 8 * 11), "y": (0, 8 * 20), "x": (0, 8 * 7)}
    writer = make(tmp_path, box=box, levels=3, **options)
    values = ramp_of(writer)
    fill(writer, values)
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0"]
    writer.finish()
    one = halved(values, np.mean)
    np.testing.assert_allclose(stored(tmp_path, "s1"), one, rtol=1e-6)
    np.testing.assert_allclose(stored(tmp_path, "s2"), halved(one, np.mean), rtol=1e-6)
    image = CellMapImage(str(tmp_path), "mito", (32, 32, 32), (1, 1, 1))
    levels = image._level_info
    assert [path for path, _, _ in levels] == ["s0", "s1", "s2"]
    assert [(size["x"], origin["x"]) for _, size, origin in levels] == [(8, 0), (16, 4), (32, 12)]
    assert format_violations(read_attributes(str(tmp_path))) == []


CASES = {
    "labels": ({"dtype": "uint32"}, most),
    "bool": ({"dtype": "bool"}, most),
    "nearest": ({"dtype": "uint8", "downsampling": "nearest"}, first),
    "nearest float": ({"downsampling": "nearest"}, first),
}


@pytest.mark.parametrize(("options", "combine"), CASES.values(), ids=CASES)
def test_labels_do_not_blend(options, combine, tmp_path) -> None:
    """Whole numbers are taken for labels: the most frequent one counts, or the first where that is asked."""
    writer = make(tmp_path, levels=2, **options)
    # Five of eight voxels agree in each coarse voxel, so that "the most" is never a tie.
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (10, 10, 10)).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    values[1::2, ::2, ::2] = 1 - values[1::2, ::2, ::2]
    fill(writer, values)
    writer.finish()
    assert np.array_equal(stored(tmp_path, "s1"), halved(values.astype(writer.dtype), combine))


def test_probabilities_in_integers_are_averaged(tmp_path) -> None:
    """Integers that stand for 0..1 are no labels."""
    writer = make(tmp_path, levels=2, dtype="uint8", conversion="unit")
    values = np.zeros((20, 20, 20), np.float32)
    values[::2] = 1
    fill(writer, values)
    writer.finish()
    assert set(np.unique(stored(tmp_path, "s1"))) <= {127, 128}


def test_channels_stay_apart(tmp_path) -> None:
    """Levels halve space and leave channels alone; an axis of one voxel stays."""
    box = {"z": (0, 8), "y": (0, 80), "x": (0, 80)}
    writer = make(tmp_path, channels=2, levels=2, box=box, block=(1, 4, 4))
    values = np.stack([np.ones((1, 10, 10)), np.full((1, 10, 10), 3)])
    fill(writer, values)
    writer.finish()
    assert stored(tmp_path, "s1").shape == (2, 1, 5, 5)
    assert np.array_equal(stored(tmp_path, "s1")[:, 0, 0, 0], [1, 3])


def test_finishing_again_makes_levels_anew(tmp_path) -> None:
    """After more was written, another call brings the levels up to date; with one level it does nothing."""
    writer = make(tmp_path, levels=2)
    writer.finish()
    fill(writer, ramp_of(writer))
    writer.finish()
    assert stored(tmp_path, "s1").max() > 0
    again = make(tmp_path, resume=True)
    again.finish()
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0", "s1"]


def test_levels_that_could_not_be_written_are_not_listed(tmp_path) -> None:
    """After a full disk only the finest level is listed, and the next attempt succeeds."""
    writer = make(tmp_path, levels=3)
    fill(writer, np.random.default_rng(0).random((20, 20, 20), np.float32))
    with files_no_longer_than(1500), pytest.raises(StoreError, match=r"s1(?s:.)*make room"):
        writer.finish()
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0"]
    writer.finish()
    assert listed_paths(read_attributes(str(tmp_path))) == ["s0", "s1", "s2"]
