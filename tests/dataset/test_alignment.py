"""Every voxel is the one the metadata says: volumes whose values are their coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data import CellMapDataset
from cellmap_data.sampler import Draw
from tests.dataset.truth import index_at, inside, mean_index, nearest, places, ramp_at
from tests.volumes import ramp, write_multiscale

FLOAT_ERROR = 0.2  # of float32 at 640,000; half a voxel along x is 0.5, along y 50, along z 5,000

VOLUMES = [
    pytest.param({"ngff": "0.4"}, id="v2"),
    pytest.param({"ngff": "0.5"}, id="v3"),
    pytest.param({"ngff": "0.4", "order": "F", "voxel": (40, 8, 4)}, id="v2 F, not cubic"),
    pytest.param({"ngff": "0.5", "voxel": (8, 4, 40), "origin": (104, -52, 7.5)}, id="v3, offset"),
    pytest.param({"ngff": "0.5", "chunks": (8, 8, 8), "shards": (16, 32, 16)}, id="v3 sharded"),
]


def ramp_dataset(root, shape, voxel, raw=None, labels=None, **options) -> CellMapDataset:
    """A float32 ramp as raw and a uint32 ramp as the only class, asked for as patches of one kind."""
    options.setdefault("classes", ["id"])
    arrays = {"shape": shape, "scale": voxel}
    return CellMapDataset(
        write_multiscale(root / "raw", ramp((40, 48, 64)), levels=3, **(raw or {})),
        write_multiscale(root / "labels" / "id", ramp((40, 48, 64), np.uint32), **(labels or raw or {})),
        input_arrays={"raw": arrays},
        target_arrays={"ids": arrays},
        **options,
    )


def some_of(dataset: CellMapDataset, n: int = 9) -> list[int]:
    return sorted({0, len(dataset) - 1, *np.random.default_rng(0).integers(0, len(dataset), n).tolist()})


def motion_of(dataset: CellMapDataset, i: int) -> tuple:
    """The linear part of the motion of a sample, and its bend."""
    centre = tuple(dataset.get_center(i).values())
    motion = dataset.recipe.motion(centre, Draw(dataset.seed, dataset.epoch, i))
    bends = [(warp.control_points(), warp.spacing) for warp in motion.warps]
    return motion.as_array(), *bends


@pytest.mark.parametrize("volume", VOLUMES)
@pytest.mark.parametrize("shape", [(8, 8, 8), (5, 12, 9), (1, 16, 16)], ids=str)
def test_stored_voxels_are_copied_from_their_place(volume, shape, tmp_path) -> None:
    """At a stored voxel size raw and labels hold exactly the voxels around the centre."""
    voxel, origin = volume.get("voxel", (8, 8, 8)), volume.get("origin", (0, 0, 0))
    dataset = ramp_dataset(tmp_path, shape, voxel, volume)
    assert len(dataset) == np.prod([n - p + 1 for n, p in zip((40, 48, 64), shape, strict=True)])
    for i in some_of(dataset):
        index = index_at(places(dataset.get_center(i), shape, voxel), voxel, origin)
        assert np.abs(index - np.round(index)).max() < 1e-6
        sample = dataset[i]
        assert sample["idx"] == i
        np.testing.assert_array_equal(sample["raw"][0].reshape(shape), ramp_at(np.round(index)))
        np.testing.assert_array_equal(sample["ids"][0].reshape(shape), ramp_at(np.round(index)))


@pytest.mark.parametrize("factor", [2, 4, 3, 1.5, 0.5], ids=lambda f: f"x{f}")
@pytest.mark.parametrize("origin", [(0, 0, 0), (104, -52, 7.5)], ids=["at 0", "offset"])
@pytest.mark.filterwarnings("ignore:Finer voxels")
def test_other_voxel_sizes_lie_where_they_should(factor, origin, tmp_path) -> None:
    """At sizes of and between levels raw is the mean of what a voxel covers, labels are the nearest voxel."""
    base, shape = (16, 8, 8), (6, 8, 10)
    voxel = tuple(s * factor for s in base)
    dataset = ramp_dataset(tmp_path, shape, voxel, {"voxel": base, "origin": origin})
    for i in some_of(dataset):
        index = index_at(places(dataset.get_center(i), shape, voxel), base, origin)
        sample = dataset[i]
        finest_step = max(2 ** np.floor(np.log2(max(factor, 1))), 1)
        width = factor / finest_step  # of a voxel asked for, in voxels of the level read
        margin = finest_step * (width + 1) / 2  # what a voxel needs lies within the level read
        top = np.reshape((39, 47, 63), (3, 1, 1, 1))
        known = ((index >= margin - 0.5) & (index <= top - margin + 0.5)).all(axis=0)
        assert known.mean() > 0.25
        mean = mean_index((index + 0.5) / finest_step - 0.5, max(width, 1))
        mean = (mean + 0.5) * finest_step - 0.5
        np.testing.assert_allclose(sample["raw"][0].numpy()[known], ramp_at(mean)[known], atol=FLOAT_ERROR)
        np.testing.assert_array_equal(sample["ids"][0], ramp_at(nearest(index)))


def test_a_raw_lattice_off_by_half_a_voxel_is_interpolated(tmp_path) -> None:
    """Positions lie on the raw lattice; labels half a voxel off are the nearest ones, lower at a tie."""
    dataset = ramp_dataset(
        tmp_path, (8, 8, 8), (8, 8, 8), {"origin": (4, 4, 4)}, {"origin": (0, 0, 0)}, seed=0
    )
    for i in some_of(dataset):
        points = places(dataset.get_center(i), (8, 8, 8), (8, 8, 8))
        sample = dataset[i]
        np.testing.assert_array_equal(sample["raw"][0], ramp_at(index_at(points, (8, 8, 8), (4, 4, 4))))
        lower = nearest(index_at(points, (8, 8, 8), (0, 0, 0)))
        np.testing.assert_array_equal(sample["ids"][0], ramp_at(lower))


def test_a_second_input_off_the_reference_lattice_is_interpolated(tmp_path) -> None:
    """An input at another scale is interpolated where its level does not coincide with the positions."""
    path = write_multiscale(tmp_path, ramp((40, 48, 64)), levels=2)
    dataset = CellMapDataset(
        path,
        input_arrays={
            "fine": {"shape": (8, 8, 8), "scale": (8, 8, 8)},
            "wide": {"shape": (8, 8, 8), "scale": (16, 16, 16)},
        },
    )
    for i in some_of(dataset):
        sample, centre = dataset[i], dataset.get_center(i)
        for name, size in (("fine", 8), ("wide", 16)):
            index = index_at(places(centre, (8, 8, 8), (size,) * 3), (8, 8, 8), (0, 0, 0))
            edge = 0 if size == 8 else 0.5
            known = ((index >= edge) & (index <= np.reshape((39, 47, 63), (3, 1, 1, 1)) - edge)).all(axis=0)
            np.testing.assert_allclose(
                sample[name][0].numpy()[known], ramp_at(index)[known], atol=FLOAT_ERROR
            )


def test_targets_of_several_scales_are_each_right(tmp_path) -> None:
    """Each target has its own shape and scale, about the same centre."""
    targets = {
        "fine": {"shape": (8, 8, 8), "scale": (8, 8, 8)},
        "coarse": {"shape": (4, 4, 6), "scale": (16, 16, 16)},
        "plane": {"shape": (1, 9, 9), "scale": (8, 8, 8)},
    }
    dataset = CellMapDataset(
        write_multiscale(tmp_path / "raw", ramp((40, 48, 64))),
        write_multiscale(tmp_path / "id", ramp((40, 48, 64), np.uint32), levels=1),
        ["id"],
        {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}},
        targets,
    )
    for i in some_of(dataset):
        sample, centre = dataset[i], dataset.get_center(i)
        for name, spec in targets.items():
            index = index_at(places(centre, spec["shape"], spec["scale"]), (8, 8, 8), (0, 0, 0))
            got = sample[name][0].reshape(spec["shape"])
            np.testing.assert_array_equal(got, ramp_at(nearest(index)), err_msg=name)


BEND = {"control_point_spacing": (48, 32, 32), "max_displacement": 12}
MOTIONS = [
    pytest.param({"mirror": {"z": 1.0, "x": 1.0}}, id="mirror"),
    pytest.param({"mirror": {"z": 0.5, "y": 0.5, "x": 0.5}, "transpose": True}, id="mirror, transpose"),
    pytest.param({"rotate": {"z": [30, 30]}}, id="rotate z"),
    pytest.param(
        {"rotate": {"z": 180, "y": 180, "x": 180}, "transpose": True, "mirror": {"y": True}}, id="rigid"
    ),
    pytest.param({"elastic": BEND}, id="elastic"),
    pytest.param(
        {"elastic": BEND, "mirror": {"y": True}, "transpose": True}, id="elastic, mirror, transpose"
    ),
    pytest.param({"elastic": BEND, "mirror": {"z": True}, "transpose": True, "rotate": {"x": 90}}, id="all"),
]


@pytest.mark.parametrize("transforms", MOTIONS)
@pytest.mark.parametrize("voxel", [(8, 8, 8), (16, 8, 8)], ids=["cubic", "not cubic"])
def test_a_moved_sample_is_the_world_moved_about_its_centre(transforms, voxel, tmp_path) -> None:
    """Raw and labels follow one motion of world space, exactly, and what it takes from outside is marked."""
    shape = (8, 10, 10)
    dataset = ramp_dataset(tmp_path, shape, voxel, {"voxel": voxel}, spatial_transforms=transforms, seed=3)
    for i in some_of(dataset):
        index = index_at(
            places(dataset.get_center(i), shape, voxel, *motion_of(dataset, i)), voxel, (0, 0, 0)
        )
        off_tie = (np.abs(index - np.floor(index) - 0.5) > 2e-3).all(axis=0)
        known = inside(index, (40, 48, 64))
        sample = dataset[i]
        ids, raw = sample["ids"][0].numpy(), sample["raw"][0].numpy()
        np.testing.assert_array_equal(np.isnan(ids)[off_tie], ~known[off_tie])
        exact = off_tie & known
        np.testing.assert_array_equal(ids[exact], ramp_at(nearest(index))[exact])
        top = np.reshape((39, 47, 63), (3, 1, 1, 1))
        between = ((index >= 0) & (index <= top)).all(axis=0)
        np.testing.assert_allclose(raw[between], ramp_at(index)[between], atol=FLOAT_ERROR)


def test_a_mirrored_sample_is_the_plain_one_reversed(tmp_path) -> None:
    """A mirror about the centre of the patch reverses the sample, nothing else."""
    plain = ramp_dataset(tmp_path, (7, 8, 9), (8, 8, 8))
    mirrored = ramp_dataset(tmp_path, (7, 8, 9), (8, 8, 8), spatial_transforms={"mirror": {"y": 1, "x": 1}})
    for i in some_of(plain):
        for name in ("raw", "ids"):
            assert mirrored[i][name].equal(plain[i][name].flip(2, 3))


def test_a_transposition_keeps_to_its_axes(tmp_path) -> None:
    """Listing x and y swaps these two or nothing, and both happen."""
    plain = ramp_dataset(tmp_path, (6, 8, 8), (8, 8, 8))
    swapped = ramp_dataset(
        tmp_path, (6, 8, 8), (8, 8, 8), spatial_transforms={"transpose": {"axes": ["x", "y"]}}, seed=0
    )
    seen = set()
    for i in some_of(plain, 30):
        one, other = plain[i]["ids"], swapped[i]["ids"]
        kinds = {"kept": other.equal(one), "swapped": other.equal(one.transpose(2, 3))}
        assert sum(kinds.values()) == 1
        seen |= {kind for kind, is_it in kinds.items() if is_it}
    assert seen == {"kept", "swapped"}


def test_a_plane_survives_every_transposition(tmp_path) -> None:
    """A 2-D sample keeps its plane and holds no unknown voxel, whatever is transposed."""
    dataset = ramp_dataset(tmp_path, (1, 16, 16), (8, 8, 8), spatial_transforms={"transpose": True}, seed=0)
    for i in some_of(dataset, 30):
        ids = dataset[i]["ids"]
        assert ids.shape == (1, 16, 16)
        assert not ids.isnan().any()
        assert (ids // 10_000).unique().numel() == 1
