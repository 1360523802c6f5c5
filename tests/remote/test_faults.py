"""What is wrong with a store is told, and never taken for a class that nobody annotated."""

from __future__ import annotations

import socket
from urllib.request import Request, urlopen

import pytest

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError, MetadataError, StoreError, StoreNotFoundError
from cellmap_data.storage import open_array, read_attributes
from tests.remote.crops import CUBE, make_dataset


def test_a_wrong_bucket_is_named(bucket) -> None:
    """A bucket that is not there is said to be missing, not the volume in it."""
    with pytest.raises(StoreNotFoundError, match="no such bucket") as caught:
        len(CellMapDataset("s3://volume/private/raw", input_arrays={"raw": CUBE}))
    assert "s3://volume/private/raw" in str(caught.value)


def test_a_wrong_key_is_named(bucket) -> None:
    """A path that is not in the bucket is an error with that path; an array as well as a group."""
    with pytest.raises(StoreNotFoundError, match=r"no zarr group(?s:.)*s3://volumes/private/row"):
        len(CellMapDataset("s3://volumes/private/row", input_arrays={"raw": CUBE}))
    with pytest.raises(StoreNotFoundError, match=r"no zarr array(?s:.)*s3://volumes/private/raw/s7"):
        open_array(f"{bucket.raw}/s7")


def test_missing_classes_are_listed_together(bucket) -> None:
    """Classes that a path says were annotated are missing by name, each, if the store does not have them."""
    dataset = make_dataset(bucket.raw, "s3://volumes/private/labels/[nuc,er,golgi]")
    with pytest.raises(StoreNotFoundError) as caught:
        len(dataset)
    text = str(caught.value)
    assert "labels/er" in text
    assert "labels/nuc" not in text


@pytest.mark.parametrize("refused", ["anonymous", "unknown"])
def test_refused_credentials_are_told(refused, bucket, monkeypatch) -> None:
    """A store that refuses is an error of ours that says so; it does not make a class unknown."""
    context = {"s3": {"anonymous": True}} if refused == "anonymous" else None
    labels = "s3://volumes/private/labels/[nuc]"
    dataset = make_dataset("s3://volumes/public/raw", labels, context=context)
    if refused == "unknown":
        require_known_keys(bucket, True)
    try:
        with pytest.raises(StoreError, match="refuses access") as caught:
            len(dataset)
    finally:
        require_known_keys(bucket, False)
    assert not isinstance(caught.value, StoreNotFoundError)
    assert "s3://volumes/private/labels/nuc" in str(caught.value)
    assert "credentials" in str(caught.value)


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_store_that_is_busy_is_asked_again(scheme, request, local) -> None:
    """A 503 that goes away costs a moment, in the metadata and in the middle of training."""
    served = request.getfixturevalue({"s3": "proxy", "http": "web"}[scheme])
    root = {"s3": "s3://volumes/private", "http": served.url}[scheme]
    dataset = make_dataset(f"{root}/raw", f"{root}/labels/[nuc,mito]")
    served.failing = 2
    assert len(dataset) == len(local)
    served.failing = 2
    with EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=2) as loader:
        assert len(list(loader)) == 2
    assert served.failing == 0


def test_a_store_that_stays_busy_is_told(proxy, bucket) -> None:
    """A 503 that does not go away is an error, not a class that is unknown."""
    dataset = make_dataset(bucket.raw, bucket.labels, context={"s3": {"max_attempts": 2}})
    proxy.failing = 10**6
    with pytest.raises(StoreError, match="does not answer") as caught:
        len(dataset)
    assert not isinstance(caught.value, StoreNotFoundError)
    proxy.failing = 0
    assert len(dataset) > 0


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_an_unreachable_host_is_named(scheme, no_keys, monkeypatch) -> None:
    """Nobody at the address: an error with the path, after as many attempts as were allowed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    uri = {"s3": "s3://volumes/raw", "http": f"{address}/raw"}[scheme]
    with pytest.raises(StoreError, match="does not answer") as caught:
        read_attributes(uri, {"http": {"max_attempts": 2}, "s3": {"anonymous": True}})
    assert f"{uri}\n" in str(caught.value)


def test_metadata_that_is_no_json_is_named_by_its_url(web, crop) -> None:
    """A web page where metadata is expected is an error with its address."""
    (crop / "page").mkdir(exist_ok=True)
    (crop / "page" / ".zattrs").write_text("<html>")
    with pytest.raises(MetadataError, match=f"{web.url}/page/.zattrs"):
        read_attributes(f"{web.url}/page")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"endpont": "http://x"}, "endpont"),
        ({"anonymous": "yes"}, "anonymous"),
        ("eu-west-1", "eu-west-1"),
    ],
    ids=["misspelt", "of another type", "no mapping"],
)
def test_options_that_cannot_be_right_are_refused(options, match) -> None:
    """Misspelt options are named, with those there are."""
    with pytest.raises(ConfigurationError, match=rf"context\['s3'\](?s:.)*endpoint(?s:.)*{match}"):
        read_attributes("s3://volumes/raw", {"s3": options})


@pytest.mark.parametrize("uri", ["ftp://host/x", "s3:///x"])
def test_an_address_nobody_knows_is_refused(uri) -> None:
    """Other schemes, and addresses without a bucket, are errors that list what there is."""
    with pytest.raises(StoreError, match=f"{uri}(?s:.)*gs://"):
        open_array(uri)


def require_known_keys(bucket, required: bool) -> None:
    """Let the S3 server check who asks, or let it take everybody with credentials."""
    headers = {"Content-Type": "text/plain"}
    unchecked = b"0" if required else b"inf"  # how many requests pass before it checks
    urlopen(Request(f"{bucket.endpoint}/moto-api/reset-auth", unchecked, headers)).close()
