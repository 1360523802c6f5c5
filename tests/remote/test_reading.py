"""What is read from a store is what would be read from a disk."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from cellmap_data import CellMapImage, EnhancedCellMapDataLoader
from cellmap_data.storage import live_reader, open_array
from tests.remote.crops import KEYS, make_dataset
from tests.remote.servers import Objects, serving
from tests.volumes import ramp, write_multiscale

ANYBODY = ("s3://volumes/public/raw", "s3://volumes/public/labels/[nuc,mito]")


def equal(one, other) -> bool:
    """Whether two samples or batches hold the same; NaN equals NaN."""
    return one.keys() == other.keys() and all(
        torch.equal(torch.nan_to_num(one[name], -1), torch.nan_to_num(other[name], -1)) for name in one
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_from_s3_are_those_from_a_disk(workers, bucket, local) -> None:
    """Two batches of training come out of a bucket as they come off a disk, with and without workers."""
    # Only a fresh process has the environment of this test: the fork server may be older.
    started = {"num_workers": workers, "multiprocessing_context": "spawn" if workers else None}
    batches = []
    for dataset, options in ((make_dataset(bucket.raw, bucket.labels), started), (local, {})):
        with EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=2, **options) as loader:
            batches.append([{name: value.clone() for name, value in batch.items()} for batch in loader])
    assert len(batches[0]) == 2
    assert all(equal(one, other) for one, other in zip(*batches, strict=True))
    assert batches[0][0]["gt"][:, 1].isnan().all()
    assert not batches[0][0]["gt"][:, ::2].isnan().any()


def options_by_environment(bucket, monkeypatch, tmp_path):
    return None


def options_by_profile(bucket, monkeypatch, tmp_path):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    lines = [f"{name.lower()} = {value}" for name, value in KEYS.items()]
    (tmp_path / "credentials").write_text("\n".join(["[lab]", *lines, ""]))
    (tmp_path / "config").write_text("[profile lab]\n")
    return {"endpoint": bucket.endpoint, "region": "us-east-1", "profile": "lab"}


@pytest.mark.parametrize(
    "found", [options_by_environment, options_by_profile], ids=["environment", "profile"]
)
def test_private_volumes_are_read_with_credentials(found, bucket, local, monkeypatch, tmp_path) -> None:
    """Credentials come from the environment, or from the profile that ``context`` names."""
    options = found(bucket, monkeypatch, tmp_path)
    dataset = make_dataset(bucket.raw, bucket.labels, context=options and {"s3": options})
    assert equal(dataset[5], local[5])


@pytest.mark.parametrize("context", [None, {"s3": {"anonymous": True}}], ids=["none found", "none wanted"])
def test_public_volumes_are_read_anonymously(context, bucket, local, monkeypatch) -> None:
    """Without credentials, or if they are not to be used, a volume that is anybody's can be read."""
    if context is None:
        for name in KEYS:
            monkeypatch.delenv(name)
    assert equal(make_dataset(*ANYBODY, context=context)[5], local[5])


def test_options_travel_with_a_dataset(bucket, local, monkeypatch) -> None:
    """What ``context`` says holds in the process that a pickled dataset ends up in."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    context = {"s3": {"endpoint": bucket.endpoint, "anonymous": True}, "plugin": object}
    dataset = pickle.loads(pickle.dumps(make_dataset(*ANYBODY, context=context)))
    assert equal(dataset[7], local[7])


def test_a_single_image_is_read_from_s3(bucket, crop) -> None:
    """An image knows stores as a dataset does."""
    place = {"z": 60.0, "y": 60.0, "x": 60.0}
    one, other = (
        CellMapImage(path, "raw", (8, 8, 8), (8, 8, 8))[place] for path in (bucket.raw, f"{crop}/raw")
    )
    assert torch.equal(one, other)


def test_volumes_are_read_over_http(web, local) -> None:
    """A plain web server will do, and gets the headers that ``context`` gives."""
    context = {"http": {"headers": {"X-Token": "let-me-in"}}}
    dataset = make_dataset(f"{web.url}/raw", f"{web.url}/labels/[nuc,mito]", context=context)
    assert equal(dataset[5], local[5])
    assert {line.split()[-1] for line in web.asked} == {"let-me-in"}


def test_volumes_are_read_from_google(crop, local, monkeypatch, tmp_path) -> None:
    """``gs://`` is Google's object store."""
    with serving(Objects, directory=str(crop)) as served:
        monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", served.url)
        dataset = make_dataset("gs://volumes/raw", "gs://volumes/labels/[nuc,mito]")
        assert equal(dataset[5], local[5])
        assert all("/storage/v1/b/volumes/o/" in line for line in served.asked)


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_both_formats_are_read(ngff, tmp_path, web, crop) -> None:
    """Zarr v2 and v3 are told apart by what the server has."""
    values = ramp((8, 8, 8))
    write_multiscale(crop / ngff, values, ngff=ngff)
    reader = open_array(f"{web.url}/{ngff}/s0")
    np.testing.assert_array_equal(reader.read((slice(0, 8),) * 3), values)
    assert live_reader()


def test_a_crop_is_looked_up_with_few_requests_at_once(proxy, bucket) -> None:
    """For each class two files of its group and two of its array, those of different classes together."""
    proxy.delay = 0.02
    dataset = make_dataset(bucket.raw, bucket.labels)
    assert len(dataset) > 0
    assert sum(line.startswith("GET") for line in proxy.asked) == 3 * 4
    assert proxy.most > 4
    assert not [line for line in proxy.asked if "/er/" in line]
