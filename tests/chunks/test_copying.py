"""Copies against the grain are copies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cellmap_data.chunks import against_the_grain, copy_block

SHAPES = [
    (16, 16, 16),
    (13, 7, 30),
    (1, 9, 17),
    (5, 1, 40),
    (3, 20, 1),
    (1, 1, 6),
    (1, 1, 1),
    (3, 2, 1, 5),
    (4, 19),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "uint16", "float32"])
def test_a_turned_copy_is_a_copy(shape, dtype) -> None:
    """A block arrives in memory of any order of axes and any direction as numpy would copy it."""
    block = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    for order in itertools.permutations(range(len(shape))):
        for steps in itertools.product((1, -1), repeat=len(shape)):
            memory = np.zeros([shape[axis] for axis in order], dtype)
            out = memory[tuple(slice(None, None, step) for step in steps)].transpose(np.argsort(order))
            copy_block(block, out)
            np.testing.assert_array_equal(out, block)


@pytest.mark.parametrize("part", [slice(1, -1), slice(None, None, 2)], ids=["part", "every second"])
def test_nothing_beside_the_patch_is_written(part) -> None:
    """A copy into a part of larger memory leaves the rest as it is."""
    memory = np.full((19, 21, 23), 99, np.uint8)
    out = memory[part, part, part].transpose(2, 1, 0)
    copy_block(np.ones(out.shape, np.uint8), out)
    assert (out == 1).all()
    assert (memory == 1).sum() == out.size


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (np.zeros((4, 5, 6)), False),
        (np.zeros((4, 5, 6))[::-1, ::-1, ::-1], False),
        (np.zeros((4, 5, 6)).transpose(1, 0, 2), False),
        (np.zeros((4, 5, 6)).transpose(0, 2, 1), True),
        (np.zeros((4, 5, 6)).transpose(2, 1, 0), True),
        (np.zeros((4, 1, 6)).transpose(0, 2, 1), False),
        (np.zeros((2, 2, 2, 2, 2, 2)).T, False),
        (np.zeros((1, 1, 1)), False),
        (np.zeros(()), False),
    ],
    ids=[
        "plain",
        "mirrored",
        "z and y",
        "y and x",
        "z and x",
        "one line",
        "six axes",
        "one voxel",
        "a number",
    ],
)
def test_the_grain_is_the_last_axis_that_is_long(out, expected) -> None:
    """A copy runs against the grain where its fastest axis is not the last."""
    assert against_the_grain(out) is expected
