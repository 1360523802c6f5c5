"""Every sample is what a slow reader with no code in common makes of the files, whatever they are."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellmap_data import CellMapDataset
from cellmap_data.sampler import Draw
from tests.properties import reference
from tests.properties.reference import Moved, Patch
from tests.properties.volumes import (
    EVERY,
    EVERY_LABEL,
    LABELS,
    PLAIN,
    Volume,
    origins,
    triples,
    volumes,
    write,
)

SHARE = 5  # of the examples of a profile: each writes, opens and reads two pyramids
RAW_ERROR = 1e-5
"""Of the largest value: samples are float32, which adds up to some hundred values, each within 6e-8."""
BEND_ERROR = 1e-4
"""Voxels: displacements are float32, so a label this near to the border of a voxel may be its neighbour's."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:Finer voxels are asked for"),
    pytest.mark.filterwarnings("ignore:A volume departs from OME-NGFF"),  # channels after space
]
few = settings(
    max_examples=max(settings.default.max_examples // SHARE, 1),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Case:
    """Two pyramids, what is asked of them, and where: 0 for the first position up to 1 for the last."""

    raw: Volume
    label: Volume
    inputs: dict[str, Patch]
    targets: dict[str, Patch]
    pad: bool
    spatial: dict[str, Any] | None
    seed: int
    epoch: int
    where: tuple[float, ...]


lengths = st.tuples(*[st.integers(6, 14)] * 3)
shapes = st.tuples(*[st.integers(1, 6)] * 3)
ratios = st.tuples(*[st.sampled_from((0.5, 0.8, 1.0, 1.25, 2.0, 2.5))] * 3)
shifts = st.tuples(*[st.sampled_from((0.0, 0.0, 0.5, -0.5, 0.25, 1.0, -2.3))] * 3)


@st.composite
def cases(draw, spatial=st.none(), *, exact: bool = False, cubic: bool = False) -> Case:
    """Raw and one class; ``exact`` asks only for voxel sizes that raw has, ``cubic`` for cubes of them.

    Axes may be exchanged only where voxels and patches allow it: few random ones do, ``cubic`` ones do.
    """
    size = draw(triples.map(lambda sizes: (sizes[0],) * 3) if cubic else triples)
    raw = draw(volumes(size, draw(origins), lengths, st.sampled_from(EVERY if exact else PLAIN)))
    stored = st.just(size) if cubic else st.sampled_from(raw.sizes)
    wanted = stored if exact or cubic else stored | ratios.map(lambda by: _times(size, by))
    label_size = draw(st.just(size) | wanted | st.just(_times(size, (0.5, 1.0, 1.0))))
    start = tuple(
        t + q * s + (s - r) / 2
        for t, q, s, r in zip(raw.origins[0], draw(shifts), label_size, size, strict=True)
    )
    kinds = st.sampled_from(EVERY_LABEL if exact else LABELS)
    label = draw(volumes(label_size, start, lengths, kinds, most=2))
    several = st.tuples(*[st.integers(2, 6)] * 3)
    patches = st.builds(Patch, several if cubic else shapes | st.just((9, 1, 16)), wanted)
    inputs = {"raw": draw(patches), **({"wide": draw(patches)} if draw(st.booleans()) else {})}
    return Case(
        raw, label, inputs, {"labels": draw(patches)}, draw(st.booleans()), draw(spatial),
        draw(st.integers(0, 99)), draw(st.integers(0, 3)), (0.0, 1.0, draw(st.floats(0, 1))),
    )  # fmt: skip


def _times(size, by) -> tuple[float, ...]:
    return tuple(s * f for s, f in zip(size, by, strict=True))


flips = st.fixed_dictionaries({"mirror": st.just({"z": 0.5, "y": 0.5, "x": 0.5})})
swaps = st.fixed_dictionaries(
    {"transpose": st.sampled_from([True, True, {"axes": ["x", "y"]}, {"axes": ["z", "x"]}])}
)
ranges = st.sampled_from([180, [90, 90], [-30, 60]])
turns = st.fixed_dictionaries(
    {"rotate": st.dictionaries(st.sampled_from("zyx"), ranges, min_size=1, max_size=3)}
)
bends = st.builds(
    lambda spacing, part: {
        "elastic": {"control_point_spacing": spacing, "max_displacement": [part * s for s in spacing]}
    },
    st.tuples(*[st.sampled_from((12.0, 40.0))] * 3),
    st.sampled_from((0.1, 0.4)),
)


def moved_cases(spatial) -> Any:
    """Cases of which half have cubes as voxels."""
    return cases(spatial) | cases(spatial, cubic=True)


def together(*parts) -> Any:
    """Several transforms, or fewer of them."""
    return st.tuples(*parts).map(lambda given: {name: one for part in given for name, one in part.items()})


def check(case: Case) -> None:
    """Write the files, and compare samples with what the slow reader makes of them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "raw", case.raw, hashed=False)
        write(root / "labels" / "a", case.label, hashed=True)
        dataset = CellMapDataset(
            str(root / "raw"),
            str(root / "labels" / "[a]"),
            ["b", "a"],
            {name: _asked(patch) for name, patch in case.inputs.items()},
            {name: _asked(patch) for name, patch in case.targets.items()},
            pad=case.pad,
            spatial_transforms=case.spatial,
            seed=case.seed,
        )
        dataset.set_epoch(case.epoch)
        compare(dataset, case, reference.levels(root / "raw"), reference.levels(root / "labels" / "a"))


def compare(dataset: CellMapDataset, case: Case, raw, label) -> None:
    """The positions, and the first, the last and one more of the samples."""
    inputs = {name: (reference.level_for(raw, patch), patch) for name, patch in case.inputs.items()}
    targets = {name: (reference.level_for(label, patch), patch) for name, patch in case.targets.items()}
    centres = [
        reference.positions(axis, [*inputs.values()], [*targets.values()], pad=case.pad) for axis in range(3)
    ]
    counts = tuple(map(len, centres))
    assert len(dataset) == np.prod(counts)
    for i in sorted({round(part * (len(dataset) - 1)) for part in case.where if len(dataset)}):
        place = np.unravel_index(i, counts)
        centre = [places[k] for places, k in zip(centres, place, strict=True)]
        moved, sample = motion_of(dataset, i), dataset[i]
        assert sample["idx"] == i
        for name, (level, patch) in inputs.items():
            compare_raw(sample[name][0].numpy(), level, patch, centre, moved)
        for name, (level, patch) in targets.items():
            unknown, known = sample[name].numpy()
            assert np.isnan(unknown).all()
            compare_labels(known, level, patch, centre, moved)


def compare_raw(got, level, patch: Patch, centre, moved: Moved) -> None:
    """Stored voxels exactly, others to within the error of float32."""
    wanted, copied = reference.raw(level, patch, centre, moved)
    got = got.reshape(patch.shape)
    if copied:
        np.testing.assert_array_equal(got, wanted.astype(np.float32))
        return
    sure = ~reference.doubtful(level, patch, centre, moved, BEND_ERROR) if moved.bends else ...
    error = RAW_ERROR * np.nanmax(np.abs(level.values.astype(float)))
    np.testing.assert_allclose(got[sure], wanted[sure], rtol=0, atol=error)


def compare_labels(got, level, patch: Patch, centre, moved: Moved) -> None:
    """The very values, NaN outside."""
    wanted = reference.labels(level, patch, centre, moved)
    sure = ~reference.doubtful(level, patch, centre, moved, BEND_ERROR) if moved.bends else ...
    np.testing.assert_array_equal(got.reshape(patch.shape)[sure], wanted[sure])


def motion_of(dataset: CellMapDataset, i: int) -> Moved:
    """How the dataset moves a sample: its own draw for the seed, the epoch and the index."""
    centre = tuple(dataset.get_center(i).values())
    motion = dataset.recipe.motion(centre, Draw(dataset.seed, dataset.epoch, i))
    bends = tuple((warp.control_points(), warp.spacing) for warp in motion.warps)
    return Moved(motion.perm, motion.flips, motion.matrix, bends)


def _asked(patch: Patch) -> dict[str, Any]:
    return {"shape": patch.shape, "scale": patch.size}


@few
@given(cases(exact=True))
def test_stored_voxels_arrive_as_they_are(case) -> None:
    """At voxel sizes that raw has, of any format, type and axis order, each voxel comes from its place."""
    check(case)


@few
@given(cases())
def test_voxels_of_other_sizes_are_made_from_those_around_their_place(case) -> None:
    """Larger voxels of raw are means, finer ones are interpolated; labels are the nearest voxel."""
    check(case)


@few
@given(cases(together(flips, swaps), cubic=True))
def test_mirrored_and_transposed_voxels_come_from_where_the_motion_says(case) -> None:
    """Exchanged and reversed axes are those of the motion, and stored voxels stay as they are."""
    check(case)


@few
@given(moved_cases(turns | together(flips, swaps, turns)))
def test_turned_voxels_come_from_where_the_motion_says(case) -> None:
    """A patch turned about any axes, alone or after the other motions, is resampled in one step."""
    check(case)


@few
@given(moved_cases(bends | together(bends, flips, swaps, turns)))
def test_bent_voxels_come_from_where_the_motion_says(case) -> None:
    """An elastic patch, alone or with all other motions, is resampled in one step."""
    check(case)
