"""How a volume should be stored for its patches."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cellmap_data import CellMapDataset, CellMapMultiDataset
from cellmap_data.advice import EDGES, PER_CHUNK, Advice, advise
from cellmap_data.errors import ConfigurationError, StoreError
from cellmap_data.spatial import Access, mean_chunks
from tests.volumes import make_crop, write_multiscale


def volume(path, chunk=64, size=96, **options):
    return write_multiscale(path, np.zeros((size,) * 3, np.uint8), chunks=(chunk,) * 3, **options)


def test_present_chunks_are_counted_as_they_lie(tmp_path):
    """Bytes for a patch are those of all its chunks, on average over all places."""
    advice = advise(volume(tmp_path / "v"), (32, 32, 32))
    assert advice.present.chunk == (64, 64, 64)
    assert advice.present.chunks == pytest.approx(mean_chunks(96, 32, 64) ** 3)
    assert advice.present.nbytes == pytest.approx(mean_chunks(96, 32, 64) ** 3 * 64**3)
    assert advice.amplification == pytest.approx(advice.present.nbytes / 32**3)


def test_of_a_sharded_volume_the_inner_chunks_count(tmp_path):
    """For they are what is decoded; the shard is told beside them."""
    advice = advise(volume(tmp_path / "v", 16, ngff="0.5", shards=(32,) * 3), (32, 32, 32))
    assert advice.present.chunk == (16, 16, 16)
    assert advice.shards == (32, 32, 32)


def access(chunk, patch=128, size=4096, block=None):
    return Access((size,) * 3, (patch,) * 3, (block or patch,) * 3, (chunk,) * 3, 1)


def test_smaller_chunks_are_recommended_where_they_save_bytes():
    """With the ratio of bytes in words: chunks of 128 cost more than those of 64."""
    advice = Advice({access(128): 1})
    ratio = (mean_chunks(4096, 128, 128) * 128 / (mean_chunks(4096, 128, 64) * 64)) ** 3
    assert f"Chunks of 64 x 64 x 64 would read {ratio:.1f} x fewer bytes." in str(advice)


def test_larger_chunks_are_recommended_where_there_are_too_many():
    """Then bytes grow, and the words say so."""
    text = str(Advice({access(8): 1}))
    assert "x fewer, for" in text
    assert "faster" in text


def test_good_chunks_are_left_alone():
    """No change is recommended that is not worth it."""
    advice = Advice({access(64): 1})
    assert not advice.worth_it
    assert "No other size of chunks would be much better." in str(advice)


def test_the_best_is_the_cheapest_by_bytes_and_pieces():
    """Each chunk costs something beside its bytes, or the smallest would always win."""
    advice = Advice({access(128): 2})
    costs = {
        edge: 2 * mean_chunks(4096, 128, edge) ** 3 * (min(edge, 128) ** 3 + PER_CHUNK)
        for edge in EDGES
        if edge <= 128
    }
    assert advice.best.chunk == (min(costs, key=costs.__getitem__),) * 3
    assert advice.best.cost == pytest.approx(min(costs.values()))


def test_arrays_of_a_sample_add_up():
    """Those that are read alike and those that are not, also where only their chunks differ."""
    one, other = access(128), access(64)
    both = Advice({one: 1, other: 3})
    assert both.present.nbytes == pytest.approx(one.nbytes + 3 * other.nbytes)
    assert both.present.chunk is None
    option = next(option for option in both.options if option.chunk == (64, 64, 64))
    assert option.nbytes == pytest.approx(4 * other.nbytes)


def test_many_files_go_into_shards():
    """Chunks that would be a million files come with the advice to store them in shards."""
    assert "shards" in str(Advice({access(256, size=8192): 1}))
    assert "shards" not in str(Advice({access(256, size=1024): 1}))


def test_a_missing_level_is_missed(tmp_path):
    """Raw that is averaged for each patch would be cheaper from a stored level of that voxel size."""
    path = volume(tmp_path / "v")
    assert "A stored level of the voxel size asked for" in str(advise(path, (32, 32, 32), (16, 16, 16)))
    assert "stored level" not in str(advise(path, (32, 32, 32), (8, 8, 8)))


def test_planes_get_flat_chunks(tmp_path):
    """A patch of one section is not served by cubes."""
    best = advise(volume(tmp_path / "v"), (64, 64)).best
    assert best.chunk is not None
    assert best.chunk[0] == 1


def test_channels_that_are_stored_beside_count(tmp_path):
    """They are decoded with the one that is read."""
    data = np.zeros((1, 32, 32, 32), np.uint8)
    path = write_multiscale(tmp_path / "v", data, (1, 8, 8, 8), (0,) * 4, axes="czyx", chunks=(1, 16, 16, 16))
    stored = next((tmp_path / "v").glob("*/.zarray"))
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {"chunks": [2, 16, 16, 16]}))
    assert advise(path, (16, 16, 16)).present.nbytes == pytest.approx(
        mean_chunks(32, 16, 16) ** 3 * 2 * 16**3
    )


class Reader:
    """Of an array that says its shape, and no chunks."""

    shape, dtype = (32, 32, 32), np.dtype(np.uint8)

    def read_into(self, box, out): ...


class Unchunked:
    """A plugin with such readers."""

    def open_array(self, uri, context):
        return Reader()


def test_what_is_not_known_is_said(tmp_path):
    """A reader of a plugin that names no chunks, a volume that is not there: no advice, but an error."""
    path = volume(tmp_path / "v")
    with pytest.raises(ConfigurationError, match="chunks"):
        advise(path, (8, 8, 8), plugins=Unchunked())
    with pytest.raises(StoreError):
        advise(str(tmp_path / "nowhere"), (8, 8, 8))


def test_datasets_advise_on_all_their_arrays(tmp_path):
    """Raw and every class, of one crop and of several."""
    paths = make_crop(tmp_path, classes=("a", "b"))
    arrays = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
    dataset = CellMapDataset(*paths, ["a", "b"], {"raw": arrays}, {"labels": arrays})
    advice = dataset.advise()
    assert sum(advice.accesses.values()) == 3
    assert CellMapMultiDataset([dataset, dataset]).advise().present.chunks == 2 * advice.present.chunks
