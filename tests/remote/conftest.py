"""A bucket with a crop in it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cellmap_data import CellMapDataset
from tests.remote.crops import KEYS, Bucket, make_dataset
from tests.remote.servers import Files, Proxy, serving
from tests.volumes import make_crop


@pytest.fixture(scope="session")
def crop(tmp_path_factory) -> Path:
    """The folder of a crop: raw, and two of three classes."""
    folder = tmp_path_factory.mktemp("crop")
    make_crop(folder, (24, 24, 24), ("nuc", "er", "mito"), ("nuc", "mito"))
    return folder


@pytest.fixture(scope="session")
def moto_bucket(crop) -> Bucket:
    """The crop, in a bucket of an S3 server on this machine."""
    server_module = pytest.importorskip("moto.server", reason="moto[s3], flask and flask-cors are not there")
    boto3 = pytest.importorskip("boto3", reason="moto[s3] brings boto3, which is not there")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="volumes")
    for path in crop.rglob("*"):
        if path.is_file():
            for prefix, acl in (("private", "private"), ("public", "public-read")):
                key = f"{prefix}/{path.relative_to(crop)}"
                client.put_object(Bucket="volumes", Key=key, Body=path.read_bytes(), ACL=acl)
    yield Bucket(url)
    client.close()
    server.stop()


@pytest.fixture
def no_keys(monkeypatch, tmp_path) -> None:
    """An environment in which nothing is said about stores."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", *KEYS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def bucket(moto_bucket, no_keys, monkeypatch) -> Bucket:
    """The bucket, found by the environment, and credentials for it there."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": moto_bucket.endpoint}.items():
        monkeypatch.setenv(name, value)
    return moto_bucket


@pytest.fixture
def proxy(bucket, monkeypatch):
    """A server in front of the bucket that can be told to fail."""
    with serving(Proxy, target=bucket.endpoint) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        yield served


@pytest.fixture
def web(crop):
    """The crop behind a plain web server."""
    with serving(Files, directory=str(crop)) as served:
        yield served


@pytest.fixture
def local(crop) -> CellMapDataset:
    """What every store must give."""
    return make_dataset(f"{crop}/raw", f"{crop}/labels/[nuc,mito]")
