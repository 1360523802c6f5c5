"""A contender that delivers other voxels than were asked for does not get into a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr

from benchmarks.truth import Truth, check_fit

CORNERS = ((0, 32, 64), (13, 5, 40))


@pytest.fixture(scope="module")
def truth(place, small):
    return Truth(place, small.classes)


@pytest.fixture
def batch(place, small):
    """Raw and labels of two patches, as they are stored."""

    def cut(group, corner):
        array = zarr.open_array(place / group / "s0", mode="r")
        return array[tuple(slice(first, first + small.patch) for first in corner)]

    raw = np.stack([cut("raw", corner)[None] for corner in CORNERS])
    names = [f"labels/{name}" for name in small.classes]
    return raw, np.stack([np.stack([cut(name, corner) for name in names]) for corner in CORNERS])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_right(truth, batch, small, dtype) -> None:
    """A batch of the volume is taken, whatever its type."""
    truth.check(*(array.astype(dtype) for array in batch), small, CORNERS)


def test_shifted_patch(truth, batch, small) -> None:
    """A patch that lies a voxel from where it is said to lie is refused."""
    with pytest.raises(ValueError, match=r"said to lie at \(13, 5, 41\) lies at \(13, 5, 40\)"):
        truth.check(*batch, small, [CORNERS[0], (13, 5, 41)])


def test_shifted_label(truth, batch, small) -> None:
    """Labels that lie a voxel from their raw are refused."""
    raw, labels = batch
    with pytest.raises(ValueError, match="does not belong to the raw"):
        truth.check(raw, np.roll(labels, 1, axis=-1), small)


def test_exchanged_classes(truth, batch, small) -> None:
    """Labels in another order are refused."""
    raw, labels = batch
    with pytest.raises(ValueError, match="class00"):
        truth.check(raw, labels[:, ::-1], small)


def test_scaled(truth, batch, small) -> None:
    """Raw in other units is refused: converting is work that others do not do."""
    raw, labels = batch
    with pytest.raises(ValueError, match="nowhere"):
        truth.check(raw / np.float32(255), labels, small)


def test_places_off_the_chunks(truth, batch, small) -> None:
    """Where patches are to lie on chunks, others are refused."""
    with pytest.raises(ValueError, match=r"\(13, 5, 40\), not at multiples of 32"):
        truth.check(*batch, replace(small, align=32))


def test_shape(truth, batch, small) -> None:
    """Fewer classes than were asked for are refused."""
    raw, labels = batch
    with pytest.raises(ValueError, match="shapes"):
        truth.check(raw, labels[:, :1], small)


def test_turned(truth, batch, small) -> None:
    """A patch that is mirrored and transposed is taken where that was asked for, and nowhere else."""
    turned = [array.transpose(0, 1, 4, 2, 3)[..., ::-1, :] for array in batch]
    truth.check(*turned, small, turned=True)
    with pytest.raises(ValueError, match="nowhere"):
        truth.check(*turned, small)


def test_turned_apart(truth, batch, small) -> None:
    """Labels that were turned otherwise than raw are refused."""
    raw, labels = batch
    with pytest.raises(ValueError, match="does not belong"):
        truth.check(raw[..., ::-1], labels[..., ::-1, :], small, turned=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [1, -1])
def test_blended(batch, axis, step) -> None:
    """Where voxels are blended, labels still have to fit raw to a voxel."""
    raw, labels = batch[0][0, 0].astype(np.float32), batch[1][0, 0]
    blended = (raw + np.roll(raw, 1, 0) + np.roll(raw, -1, 0)) / 3
    check_fit(blended, labels)
    with pytest.raises(ValueError, match="better when it is shifted"):
        check_fit(blended, np.roll(labels, step, axis))


def test_nothing_to_see(batch) -> None:
    """A patch without a border of the first class says nothing, and is not taken for right."""
    with pytest.raises(ValueError, match="no border"):
        check_fit(np.zeros((8, 8, 8)), np.zeros((8, 8, 8)))
