"""How a store is reached: what the environment and ``context`` say."""

from __future__ import annotations

import pytest

from cellmap_data.storage import key_value_store

CASES = {
    "nothing said": ({}, {}, {}),
    "another region of mine": ({"AWS_REGION": "eu-west-1"}, {}, {}),
    "an endpoint": ({"AWS_ENDPOINT_URL": "http://a"}, {}, {"endpoint": "http://a"}),
    "one for S3": (
        {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"},
        {},
        {"endpoint": "http://b"},
    ),
    "an endpoint and a region": (
        {"AWS_ENDPOINT_URL": "http://a", "AWS_DEFAULT_REGION": "eu-west-1"},
        {},
        {"endpoint": "http://a", "aws_region": "eu-west-1"},
    ),
    "context instead": (
        {"AWS_ENDPOINT_URL": "http://a", "AWS_REGION": "eu-west-1"},
        {"endpoint": "http://c/", "region": "us-west-2", "requester_pays": True},
        {"endpoint": "http://c", "aws_region": "us-west-2", "requester_pays": True},
    ),
}


@pytest.mark.parametrize(("environment", "options", "expected"), CASES.values(), ids=CASES)
def test_s3_is_reached_as_asked(environment, options, expected, no_keys, monkeypatch) -> None:
    """``context`` counts before the environment; AWS is asked for the region of a bucket of its own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = key_value_store("s3://volumes/a/b", {"s3": options}).spec().to_json()
    kept = {name: spec[name] for name in ("endpoint", "aws_region", "requester_pays") if spec.get(name)}
    assert (spec["bucket"], spec["path"], kept) == ("volumes", "a/b/", expected)


@pytest.mark.parametrize("uri", ["https://host:81/a/b/", "http://host"], ids=["https", "the root"])
def test_web_servers_are_reached_by_their_host(uri) -> None:
    """The host is the store, the rest is the path in it."""
    spec = key_value_store(uri).spec().to_json()
    assert (spec["base_url"] + (spec.get("path") or "")).rstrip("/") == uri.rstrip("/")


def test_attempts_that_are_no_number_are_refused(no_keys, monkeypatch) -> None:
    """A variable of the environment is checked as an option is."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")
    with pytest.raises(ValueError, match=r"AWS_MAX_ATTEMPTS(?s:.)*many"):
        key_value_store("s3://volumes/a")
