"""An error about a sample says which sample, which draw of it, and where in which crop it lies."""

from __future__ import annotations

import pytest
from torch.utils.data import ConcatDataset, Subset

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapMultiDataset, EnhancedCellMapDataLoader
from cellmap_data.errors import HookError, SampleError
from cellmap_data.hookspecs import hookimpl
from tests.toy import Broken, Plain, Toy, seeded
from tests.volumes import make_crop

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
SHAPE = (9, 10, 11)  # 24 positions
AT_FIVE = "centre (z, y, x) = (28, 36, 36) nm"  # of position 5: z 0, y 1, x 1

WRAPPED = {
    "crop": lambda parts: parts[1],
    "subset": lambda parts: Subset(parts[1], list(range(24))),
    "concatenated": ConcatDataset,
    "several crops": CellMapMultiDataset,
    "subset of several crops": lambda parts: Subset(CellMapMultiDataset(parts), range(48)),
}
wrapped = pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
executors = pytest.mark.parametrize(
    "options",
    [{"enable_prefetch": False}, {"max_prefetch": 4}, {"num_workers": 1}],
    ids=["plain", "threads", "worker"],
)


def crops(tmp_path, **options) -> list[CellMapDataset]:
    parts = []
    for number in range(2):
        raw, labels = make_crop(tmp_path / f"crop{number}", SHAPE)
        parts.append(CellMapDataset(raw, labels, ["nuc", "mito"], {"raw": CUBE}, {"l": CUBE}, **options))
    return parts


class Fails:
    """Fails at one sample."""

    name = "fails"

    def __init__(self, at):
        self.at = at

    @hookimpl
    def post_sample(self, sample, index):
        if index == self.at:
            raise KeyError("membrane")
        return sample


@pytest.mark.executor
@executors
@wrapped
def test_a_plugins_error_says_which_sample_of_which_crop(wrap, options, tmp_path) -> None:
    """From threads and workers, through whatever crops were put into: plugin, hook, sample, draw, crop."""
    dataset = wrap(crops(tmp_path))
    failing = len(dataset) - 24 + 5
    loader = EnhancedCellMapDataLoader(
        dataset, batch_size=3, rng=seeded(3), plugins=[Fails(failing)], **options
    )
    with loader, pytest.raises(HookError) as caught:
        delivered = 0
        for batch in loader:
            delivered += len(batch["idx"])
    error = caught.value
    assert (error.plugin, error.hook, error.distribution) == ("fails", "post_sample", "")
    assert isinstance(error.__cause__, KeyError)
    assert error.index == failing
    assert error.epoch == 0
    assert delivered <= error.k < delivered + 3
    for part in (f"raw {tmp_path}/crop1/raw,", f"labels {tmp_path}/crop1/labels/[nuc,mito],", AT_FIVE):
        assert part in error.crop
    assert f"\n  sample:   {failing} (epoch 0, draw {error.k})\n  crop:     {error.crop}\n" in str(error)


def test_the_draw_of_an_error_brings_the_sample_back(tmp_path) -> None:
    """Seed, epoch and draw of the error are those the loader read the sample with."""

    class Notes:
        name, draws = "notes", {}

        @hookimpl
        def post_sample(self, sample, index):
            self.draws[int(index)] = index.draw
            return sample

    loader = EnhancedCellMapDataLoader(crops(tmp_path)[0], rng=seeded(3), plugins=[Notes(), Fails(5)])
    loader.set_epoch(2)
    with pytest.raises(HookError) as caught:
        list(loader)
    assert Notes.draws[5][:3] == (caught.value.seed, caught.value.epoch, caught.value.k)
    assert caught.value.epoch == 2


class Forgetful(Toy):
    """Cannot tell where its samples lie."""

    def describe(self, index):
        raise LookupError("the list of crops is gone")


@pytest.mark.parametrize(
    ("dataset", "crop"),
    [
        (Toy(), ""),
        (Plain(), ""),
        (Forgetful(), "not known, describe failed: LookupError: the list of crops is gone"),
    ],
    ids=["no describe", "tuples", "describe fails"],
)
def test_a_dataset_that_does_not_say_hides_no_error(dataset, crop) -> None:
    """Without a description, or with one that fails, the error is the plugin's, with all else in it."""
    loader = EnhancedCellMapDataLoader(dataset, batch_size=2, plugins=[Fails(3)])
    with pytest.raises(HookError, match="membrane") as caught:
        list(loader)
    assert (caught.value.index, caught.value.epoch, caught.value.crop) == (3, 0, crop)
    assert ("crop:" in str(caught.value)) == bool(crop)


class Named(Broken):
    """Knows where its samples lie."""

    def describe(self, index):
        return f"tile {index}"


@pytest.mark.parametrize(
    ("batch_size", "crop"),
    [(1, "tile 7"), (2, "tile 6 or tile 7"), (10, None)],
    ids=["one", "few", "many"],
)
def test_a_failing_read_says_where_as_far_as_is_known(batch_size, crop) -> None:
    """One sample of the batch failed: the few it can be are described, of many only the indices are."""
    dataset = ConcatDataset([Toy(10), Named()])
    loader = CellMapDataLoader(dataset, batch_size=batch_size, is_train=False)
    with pytest.raises(SampleError, match="index 7 is broken") as caught:
        list(loader)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert [line for line in lines if line.startswith("crop:")] == ([f"crop:     {crop}"] if crop else [])


@wrapped
def test_a_failing_value_transform_names_the_crop(wrap, tmp_path) -> None:
    """What the user's own transform raises while a crop is read comes with the crop."""

    def fails(values):
        raise ZeroDivisionError("no voxels")

    dataset = wrap(crops(tmp_path, raw_value_transforms=fails))
    loader = CellMapDataLoader(dataset, sampler=[len(dataset) - 24 + 5])
    with pytest.raises(SampleError, match="ZeroDivisionError: no voxels") as caught:
        list(loader)
    assert f"raw {tmp_path}/crop1/raw" in str(caught.value)
    assert AT_FIVE in str(caught.value)
