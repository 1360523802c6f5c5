"""Output in a bucket."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import zarr

from cellmap_data import CellMapDatasetWriter, CellMapImage
from cellmap_data.errors import OutputExistsError, PredictionError, StoreError
from cellmap_data.image_writer import Ledger
from cellmap_data.ngff import listed_paths
from cellmap_data.storage import Objects, read_attributes
from tests.image_writer.outputs import FORMATS, fill, make, ramp_of
from tests.remote.test_faults import require_known_keys


@pytest.fixture
def path(bucket) -> str:
    """A place in the bucket where nothing is yet."""
    return f"s3://volumes/{uuid.uuid4().hex}.zarr/pred/mito"


def read(path: str, level: str, bucket) -> np.ndarray:
    """A level, downloaded and read by zarr, past this package."""
    objects = Objects(f"{path}/{level}")
    store = zarr.storage.MemoryStore()
    group = {name: objects.read(name).content for name in objects.names()}
    for name, content in group.items():
        store._store_dict[name] = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(content)
    return zarr.open_array(store, mode="r")[...]


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_a_volume_in_a_bucket_is_as_one_on_a_disk(options, path, bucket, tmp_path) -> None:
    """The same objects under the same names, coarser levels too; images read it."""
    local = tmp_path / "out.zarr" / "pred" / "mito"
    for place in (local, path):
        writer = make(place, levels=2, **options)
        fill(writer, ramp_of(writer))
        writer.finish()
    root = path.removesuffix("/pred/mito")
    names = {name for name in Objects(root).names() if ".cellmap-data" not in name}
    folder = tmp_path / "out.zarr"
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert names == {name for name in files if ".cellmap-data" not in name}
    assert np.array_equal(read(path, "s0", bucket), ramp_of(writer))
    centre = dict(zip("zyx", writer.lattice.bounding_box.centre, strict=True))
    image = CellMapImage(path, "mito", (8, 8, 8), (20, 20, 20))
    assert np.array_equal(image[centre].numpy(), ramp_of(writer))


def test_a_bucket_is_resumed_and_overwritten(path, bucket) -> None:
    """What is there is refused, gone on with, or removed, as on a disk."""
    writer = make(path, levels=2)
    fill(writer, np.ones((20, 20, 20)))
    writer.finish()
    with pytest.raises(OutputExistsError):
        make(path)
    again = make(path, resume=True)
    assert (again.read(again.blocks[0]) == 1).all()
    new = make(path, overwrite=True, ngff="0.5", fill_value=-1)
    assert (new.read(new.blocks[0]) == -1).all()
    assert listed_paths(read_attributes(path)) == ["s0"]
    assert not any(name.startswith("s1/") for name in Objects(path).names())


def test_a_run_shares_a_bucket(path, bucket) -> None:
    """Writers of one run join the output that the first of them has made."""
    first = make(path, run_id="job", overwrite=True)
    first.write(first.blocks[0], np.ones((8, 8, 8)))
    second = make(path, run_id="job", overwrite=True)
    assert (second.read(second.blocks[0]) == 1).all()


def test_a_ledger_in_a_bucket(path, bucket) -> None:
    """Records of several writers are all there, in few objects, and are gone on with."""
    ledger = Ledger.open(f"{path}/ledger", {}, run_id="job")
    other = Ledger.open(f"{path}/ledger", {}, run_id="job")
    for number in range(0, 200, 2):
        ledger.add(number)
    other.add([1, 3, 5])
    assert len(Objects(f"{path}/ledger/done").names()) < 15
    ledger.refresh()
    assert len(ledger) == 103
    again = Ledger.open(f"{path}/ledger", {}, resume=True)
    assert list(again.remaining(12)) == [7, 9, 11]
    assert len(Ledger.open(f"{path}/ledger", {}, overwrite=True)) == 0


def test_credentials_come_with_the_context(path, bucket, monkeypatch) -> None:
    """Endpoint and region may come by ``context``, for the array, its groups and its ledger alike."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    context = {"s3": {"endpoint": bucket.endpoint, "region": "us-east-1"}}
    writer = make(path, context=context)
    fill(writer, ramp_of(writer))
    ledger = Ledger.open(f"{writer.records}/ledger", writer.layout.job, context=context)
    ledger.add(range(len(writer.blocks)))
    image = CellMapImage(path, "mito", (8, 8, 8), (8, 8, 8), context=context)
    assert image[dict.fromkeys("zyx", 28)].max() == ramp_of(writer)[7, 7, 7]


def test_refused_writing_is_told(path, bucket) -> None:
    """A store that refuses is an error with path and block, and the ledger stays true."""
    writer = make(path)
    ledger = Ledger.open(f"{writer.records}/ledger", writer.layout.job)
    writer.write(writer.blocks[0], np.ones((8, 8, 8)))
    ledger.add(0)
    require_known_keys(bucket, True)
    try:
        with pytest.raises(StoreError, match=r"block 1 (?s:.)*s0"):
            writer.write(writer.blocks[1], np.ones((8, 8, 8)))
        with pytest.raises(StoreError, match="ledger/done"):
            ledger.add(1)
        with pytest.raises(StoreError, match=f"{path}2"):
            make(f"{path}2")
    finally:
        require_known_keys(bucket, False)
    again = Ledger.open(f"{writer.records}/ledger", writer.layout.job, resume=True)
    assert (0 in again, 1 in again) == (True, False)


def test_a_busy_bucket_is_asked_again(path, proxy) -> None:
    """A 503 that goes away does not stop writing."""
    writer = make(path)
    proxy.failing = 2
    writer.write(writer.blocks[0], np.ones((8, 8, 8)))
    assert proxy.failing == 0
    assert (writer.read(writer.blocks[0]) == 1).all()


def test_a_prediction_in_a_bucket_is_gone_on_with(path, bucket, tmp_path) -> None:
    """From raw in the bucket to output in the bucket, stopped in the middle, in another writer."""
    cube = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
    calls = []

    def stops(x):
        calls.append(x)
        if len(calls) > 5:
            raise RuntimeError("enough")
        return x

    def make_writer(target: str, **options) -> CellMapDatasetWriter:
        return CellMapDatasetWriter(bucket.raw, target, ["mito"], {"raw": cube}, {"out": cube}, **options)

    target = path.removesuffix("/mito")
    with pytest.raises(PredictionError, match="enough"):
        make_writer(target).predict(stops, window_bytes=8**3 * 4)
    done = make_writer(target, resume=True).predict(lambda x: x, window_bytes=8**3 * 4)
    assert (done.regions, done.predicted) == (27, 22)
    local = make_writer(str(tmp_path / "out.zarr"))
    local.predict(lambda x: x)
    expected = local.target_array_writers["out"]["mito"].array.read((slice(0, 24),) * 3)
    assert np.array_equal(read(path, "s0", bucket), expected)
