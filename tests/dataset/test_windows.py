"""Windows of positions: where they lie, and what is saved by them."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from cellmap_data import CellMapDataLoader, CellMapDataset, CellMapMultiDataset, storage
from cellmap_data.errors import ConfigurationError
from tests.toy import Toy
from tests.volumes import write_multiscale

SIZE, CHUNK, PATCH = 64, 8, 8


def volume(folder, size=SIZE, origin=0.0, scale=8):
    data = np.random.default_rng(0).integers(0, 255, (size,) * 3, dtype=np.uint8)
    raw = write_multiscale(folder / "raw", data, chunks=(CHUNK,) * 3)
    write_multiscale(folder / "l" / "a", data[8:, 8:, 8:], origin=(origin,) * 3, chunks=(CHUNK,) * 3)
    arrays = {"shape": (PATCH,) * 3, "scale": (scale,) * 3}
    return CellMapDataset(raw, f"{folder}/l/[a]", ["a"], {"raw": arrays}, {"labels": arrays}, seed=1)


@pytest.fixture
def dataset(tmp_path):
    return volume(tmp_path)


@pytest.fixture
def budget():
    """Set the budget of the cache, and reset it."""
    yield storage.set_cache_budget
    storage.set_cache_budget(None)


def first_voxels(dataset, indices):
    """Where in raw the patches begin."""
    centres = [dataset.get_center(i) for i in indices]
    return np.array([[round(c[a] / 8 - (PATCH - 1) / 2) for a in "zyx"] for c in centres])


@pytest.mark.parametrize("origin", [0.0, 24.0, 64.0], ids=["aligned", "three voxels off", "a chunk off"])
def test_windows_end_where_chunks_of_raw_do(origin, tmp_path):
    """Whatever voxel of raw the first position begins at: they begin with the chunk in which that lies."""
    dataset = volume(tmp_path, origin=origin)
    begin = first_voxels(dataset, [0])[0] // CHUNK * CHUNK
    sampler = dataset.get_windowed_sampler(4, window=23, windows_at_once=1)
    windows = (first_voxels(dataset, islice(sampler, 800)) - begin) // 16
    visits = [windows[k : k + 4] for k in range(0, len(windows) - 3, 4)]
    assert len({tuple(visit[0]) for visit in visits}) > 20
    alone = sum((visit == visit[0]).all() for visit in visits)
    assert alone > 0.95 * len(visits)


def test_a_window_is_no_larger_than_asked_for(dataset):
    """Its patches lie in so many voxels, and it ends with a chunk: 23 voxels hold 16 places of 8 voxels."""
    assert dataset.get_windowed_sampler(4, window=23).locality.window == (23, 23, 23)
    assert dataset.get_windowed_sampler(4, window=30).locality.window == (23, 23, 23)
    assert dataset.get_windowed_sampler(4, window=(31, 23, 15)).locality.window == (31, 23, 15)


def test_crops_are_cut_each_for_itself(tmp_path):
    """A visit never spans two crops, unless it is made of what was left over."""
    (tmp_path / "one").mkdir()
    crops = [volume(tmp_path / "one"), volume(tmp_path / "other", 40)]
    dataset = CellMapMultiDataset(crops)
    indices = np.array(list(dataset.get_windowed_sampler(8, windows_at_once=1)))
    assert sorted(indices) == list(range(len(dataset)))
    inside = (indices >= len(crops[0])).reshape(-1)
    visits = [set(inside[k : k + 8].tolist()) for k in range(0, len(inside) - 7, 8)]
    assert sum(len(visit) == 1 for visit in visits) > 0.95 * len(visits)


def test_the_promised_amplification_is_what_is_decoded(dataset, budget):
    """The report of an epoch agrees with the arithmetic before it, with windows and without."""
    figures = {}
    for name, options in {"windows": {"patches_per_window": 16, "window": 23}, "random": {}}.items():
        with CellMapDataLoader(dataset, batch_size=8, iterations_per_epoch=40, **options) as loader:
            locality = dataset.get_windowed_sampler(16, 23).locality
            budget(locality.cache if options else 0)
            dataset.close()
            list(loader)
            figures[name] = loader.report().traffic.amplification
    assert figures["random"] == pytest.approx(locality.amplification_at_random, rel=0.2)
    assert figures["windows"] == pytest.approx(locality.amplification(), rel=0.3)
    assert figures["windows"] < figures["random"] / 2


def test_what_it_does_is_printed(dataset, capsys, budget):
    """The read amplification with and without, the mix of a batch, and a cache that is too small for it."""
    locality = dataset.get_windowed_sampler(16, 23, 4).locality
    budget(locality.cache)
    CellMapDataLoader(dataset, batch_size=8, patches_per_window=16, window=23)
    said = capsys.readouterr().err
    for words in (
        "16 patches of each window of 23 x 23 x 23 voxels, 4 windows in turn",
        f"about {locality.amplification():.1f} x as many bytes",
        f"{locality.amplification_at_random:.1f} x at random places",
        "A batch of 8 comes from 4 windows",
    ):
        assert words in said
    assert "cache of" not in said
    budget(locality.cache - 1)
    CellMapDataLoader(dataset, batch_size=2, patches_per_window=16, window=23)
    said = capsys.readouterr().err
    assert "that takes a cache of" in said
    assert "A batch of 2 comes from 2 windows" in said


def test_processes_with_caches_of_their_own_save_less(dataset):
    """Each decodes a window for itself; ranks share the windows that take turns, so a batch has fewer."""
    locality = dataset.get_windowed_sampler(16, 23, 4).locality
    assert locality.amplification(1) < locality.amplification(4) < locality.amplification_at_random * 1.01
    assert "comes from 2 windows" in locality.words(8, 0, 2, 1 << 40)


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_do_not_depend_on_workers(workers, dataset, capsys):
    """Sample k is the same; so is what two loaders with one seed deliver."""
    options = {"batch_size": 3, "iterations_per_epoch": 6, "patches_per_window": 4}
    with (
        CellMapDataLoader(dataset, **options) as one,
        CellMapDataLoader(dataset, num_workers=workers, **options) as other,
    ):
        assert [b["idx"].tolist() for b in one] == [b["idx"].tolist() for b in other]
    capsys.readouterr()


def test_voxels_larger_than_stored_ones_are_windowed_too(tmp_path):
    """Where a position is two stored voxels, chunks are half as many positions."""
    dataset = volume(tmp_path, scale=16)
    sampler = dataset.get_windowed_sampler(4)
    assert sorted(sampler) == list(range(len(dataset)))
    assert sampler.locality.amplification() < sampler.locality.amplification_at_random


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patches_per_window": 4, "window": 7}, "window >= 8 voxels"),
        ({"patches_per_window": 4, "window": (16, 16)}, "along each axis"),
        ({"patches_per_window": 0}, "patches=0"),
        ({"patches_per_window": 4, "shuffle": True}, "one place"),
    ],
    ids=["small", "two axes", "none", "two orders"],
)
def test_what_cannot_be_is_refused(options, words, dataset):
    """Before anything is read."""
    with pytest.raises(ConfigurationError, match=words):
        CellMapDataLoader(dataset, **options)


def test_a_dataset_that_does_not_know_its_places_is_refused():
    """With its name."""
    with pytest.raises(ConfigurationError, match="Toy"):
        CellMapDataLoader(Toy(8), patches_per_window=2)


@pytest.mark.parametrize("window", [-1, 23.5, (16, 16, "16")], ids=repr)
def test_a_window_has_whole_voxels(window, dataset):
    """One number for all axes or one for each, none of them rounded."""
    with pytest.raises(ConfigurationError, match="window is a whole number"):
        dataset.get_windowed_sampler(4, window=window)
