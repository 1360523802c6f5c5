"""Outputs of any bounds, patches, overlaps and blocks: each voxel of the bounds is written, none outside."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmap_data import CellMapDatasetWriter
from cellmap_data.testing import ramp, write_volume
from tests.dataset_writer.outputs import stored

SHAPE, ORIGIN, VOXEL = (14, 13, 15), (104.0, -20.0, 3.5), (8.0, 4.0, 5.24)


@dataclass(frozen=True)
class Case:
    """What is written how; ``first`` and ``end`` are the voxels of raw that the bounds hold."""

    first: tuple[int, int, int]
    end: tuple[int, int, int]
    context: tuple[int, int, int]
    patch: tuple[int, int, int]
    overlap: tuple[int, int, int]
    block: tuple[int, int, int]
    window: int
    ngff: str
    edge: float

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """The bounds in nm; their edges lie up to half a voxel below the middles of voxels, or on these."""
        return {
            axis: (t + (a - self.edge) * s, t + (b - self.edge) * s)
            for axis, t, s, a, b in zip("zyx", ORIGIN, VOXEL, self.first, self.end, strict=True)
        }


@st.composite
def cases(draw) -> Case:
    first = tuple(draw(st.integers(-3, n - 1)) for n in SHAPE)
    patch = tuple(draw(st.integers(1, 6)) for _ in SHAPE)
    return Case(
        first=first,
        end=tuple(draw(st.integers(max(a, 0) + 1, n + 3)) for a, n in zip(first, SHAPE, strict=True)),
        context=tuple(draw(st.sampled_from((0, 2))) for _ in SHAPE),
        patch=patch,
        overlap=tuple(draw(st.integers(0, p - 1)) for p in patch),
        block=tuple(draw(st.integers(1, 8)) for _ in SHAPE),
        window=draw(st.sampled_from((8**3 * 8, 1 << 20))),
        ngff=draw(st.sampled_from(("0.4", "0.5"))),
        edge=draw(st.sampled_from((0.0, 0.25, 0.5))),
    )


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> str:
    """A volume whose values say where they are, of voxels of three sizes."""
    return write_volume(tmp_path_factory.mktemp("raw") / "raw.zarr", ramp(SHAPE) + 1, VOXEL, ORIGIN)


def expected(case: Case) -> np.ndarray:
    """Raw in the bounds, 0 where there is none."""
    values = np.zeros([b - a for a, b in zip(case.first, case.end, strict=True)], np.float32)
    inside = [(max(a, 0), min(b, n)) for a, b, n in zip(case.first, case.end, SHAPE, strict=True)]
    place = tuple(slice(lo - a, hi - a) for (lo, hi), a in zip(inside, case.first, strict=True))
    values[place] = (ramp(SHAPE) + 1)[tuple(slice(lo, hi) for lo, hi in inside)]
    return values


def make(raw: str, folder: str, case: Case) -> CellMapDatasetWriter:
    """A writer for the case; the model sees ``context`` more voxels than it gives."""
    return CellMapDatasetWriter(
        raw,
        f"{folder}/out.zarr",
        ["nuc"],
        {"raw": {"shape": [p + c for p, c in zip(case.patch, case.context, strict=True)], "scale": VOXEL}},
        {"output": {"shape": case.patch, "scale": VOXEL}},
        {"output": case.bounds},
        fill_value=-1,
        block_shape=case.block,
        ngff=case.ngff,
    )


def middle(case: Case):
    """A model that gives the middle of what it sees."""
    crop = tuple(
        slice(c // 2, c // 2 + p)
        for p, c in zip(case.patch, case.context, strict=True)
        if p + c > 1  # axes of one voxel are left out
    )
    return lambda x: x[(..., *crop)]


@settings(max_examples=25)
@given(cases())
def test_predictions_fill_their_bounds(raw, case) -> None:
    """A model that gives what it sees copies raw, with or without overlap, for all blocks and windows."""
    with tempfile.TemporaryDirectory() as folder:
        writer = make(raw, folder, case)
        writer.predict(middle(case), batch_size=7, overlap=case.overlap, window_bytes=case.window)
        np.testing.assert_allclose(stored(writer), expected(case), rtol=1e-5)
        assert len(list(Path(folder).iterdir())) == 1


@settings(max_examples=15)
@given(cases())
def test_loops_fill_their_bounds(raw, case) -> None:
    """So does a loop, to the last bit; and each tile writes as many new voxels as its block has."""
    with tempfile.TemporaryDirectory() as folder:
        writer = make(raw, folder, case)
        model = middle(case)
        for batch in writer.loader(batch_size=7):
            before = (stored(writer) >= 0).sum()
            writer[batch["idx"]] = model(batch["raw"])
            tiles = writer.geometry.tiles
            parts = [tiles.part_of(tiles.place(int(i))) for i in batch["idx"]]
            assert (stored(writer) >= 0).sum() - before == sum(np.prod(part.shape) for part in parts)
        np.testing.assert_array_equal(stored(writer), expected(case))
