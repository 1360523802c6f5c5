"""How a store is reached: from a path, the dataset's ``context`` and the environment to a store of bytes.

``context`` may be a mapping with options for a kind of store; what else it holds is for plugins::

    {
        "s3": {
            "endpoint": "https://...",  # default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, then AWS itself
            "region": "eu-west-1",      # default: found out; with an endpoint AWS_REGION, AWS_DEFAULT_REGION
            "profile": "name",          # default: the keys in the environment, then AWS_PROFILE and so on
            "anonymous": True,          # send no credentials, even if there are some
            "requester_pays": True,
            "max_attempts": 8,          # default: AWS_MAX_ATTEMPTS
        },
        "gs": {"user_project": "name", "max_attempts": 8},
        "http": {"headers": {"Authorization": "..."}, "max_attempts": 8},
    }

Where no credentials are found, S3 and Google are asked anonymously. Google's are found by
``GOOGLE_APPLICATION_CREDENTIALS`` and what gcloud keeps. Worker processes see the environment as it was when
the first of them was started; ``context`` travels with the dataset.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import tensorstore as ts

from cellmap_data.errors import ConfigurationError, StoreError, message
from cellmap_data.storage.cache import shared_context

_ATTEMPTS = 8  # with the delays below half a minute, after which a host that does not answer is given up
_DELAYS = {"initial_delay": "200ms", "max_delay": "8s"}

_OPTIONS: Mapping[str, Mapping[str, type]] = {
    "s3": {
        "endpoint": str,
        "region": str,
        "profile": str,
        "anonymous": bool,
        "requester_pays": bool,
        "max_attempts": int,
    },
    "gs": {"user_project": str, "max_attempts": int},
    "http": {"headers": Mapping, "max_attempts": int},
}

_AWS_FILES = {
    "config_file": ("AWS_CONFIG_FILE", "~/.aws/config"),
    "credentials_file": ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
}
_IDENTITY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


def is_remote(uri: str) -> bool:
    """Whether ``uri`` names something that is not on a file system of this machine."""
    scheme, found, _ = uri.partition("://")
    return bool(found) and scheme != "file"


def local_path(uri: str) -> str:
    """The path on this machine that ``uri``, a path or ``file://path``, stands for."""
    return uri.removeprefix("file://")


def real_path(uri: str) -> str:
    """One name for a place of this machine, whichever links lead there; a URL without slashes at its end."""
    return uri.rstrip("/") if is_remote(uri) else os.path.realpath(local_path(uri))


def key_value_store(uri: str, context: Any = None) -> ts.KvStore:
    """The bytes below ``uri``, as tensorstore sees them; asks nothing of the store yet.

    Stores of one bucket or host share their connections and credentials. The process has threads of
    tensorstore from now on, see :func:`~cellmap_data.storage.live_reader`.

    Parameters
    ----------
    uri : str
        A path, or ``file://``, ``s3://``, ``gs://``, ``http://`` or ``https://`` and what belongs there.
    context : object, optional
        What the dataset was given; see :mod:`cellmap_data.storage.access`.

    Raises
    ------
    StoreError
        If nobody knows how to reach ``uri``.
    ConfigurationError
        If ``context`` holds options for this kind of store that cannot be right.
    """
    if not is_remote(uri):
        spec = {"driver": "file", "path": f"{os.path.abspath(local_path(uri))}/"}
        return ts.KvStore.open(spec, context=shared_context(passing=True)).result()
    parts = urlsplit(uri)
    if parts.scheme not in _SPECS or not parts.netloc:
        raise StoreError(
            message(
                "Nobody knows how to reach a volume.",
                place=uri,
                expected="a path, or file://, s3://, gs://, http:// or https://",
                got=f"{parts.scheme}://{parts.netloc}",
                hint="mount or copy the volume, or use a plugin that answers the hook open_array",
            )
        )
    kind = "http" if parts.scheme == "https" else parts.scheme
    spec = _SPECS[parts.scheme](parts.scheme, parts.netloc, _options(kind, context))
    root = _root(json.dumps(spec), tuple(os.environ.get(name) for name in _IDENTITY))
    path = parts.path if kind == "http" else parts.path.lstrip("/")
    return root / f"{path.rstrip('/')}/" if path.strip("/") else root


@functools.lru_cache(maxsize=64)
def _root(spec: str, identity: tuple[str | None, ...]) -> ts.KvStore:  # noqa: ARG001 - part of the key
    return ts.KvStore.open(json.loads(spec), context=shared_context()).result()


def _options(kind: str, context: Any) -> Mapping[str, Any]:
    """The options of ``context`` for a kind of store.

    Raises
    ------
    ConfigurationError
        Naming those that are unknown or of the wrong type.
    """
    options = context.get(kind) if isinstance(context, Mapping) else None
    if options is None:
        return {}
    known = _OPTIONS[kind]
    wrong = dict(options) if isinstance(options, Mapping) else {"": options}
    wrong = {k: v for k, v in wrong.items() if not isinstance(v, known.get(k, ()))}
    if wrong:
        raise ConfigurationError(
            message(
                "A store cannot be reached with these options.",
                place=f"context[{kind!r}]",
                expected=", ".join(f"{name} ({kind.__name__})" for name, kind in known.items()),
                got=wrong,
            )
        )
    return options  # type: ignore[no-any-return]


def _s3(_scheme: str, bucket: str, options: Mapping[str, Any]) -> dict[str, Any]:
    env = os.environ
    endpoint = options.get("endpoint") or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    region = options.get("region")
    if endpoint and not region:  # AWS tells where a bucket lies, and the user's own region may be elsewhere
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    spec = {
        "driver": "s3",
        "bucket": bucket,
        "endpoint": endpoint and endpoint.rstrip("/"),
        "aws_region": region,
        "requester_pays": options.get("requester_pays"),
        "aws_credentials": _credentials(options),
        "s3_request_retries": _retries(options, env.get("AWS_MAX_ATTEMPTS") or _ATTEMPTS),
    }
    return {name: value for name, value in spec.items() if value}


def _credentials(options: Mapping[str, Any]) -> dict[str, str]:
    if options.get("anonymous"):
        return {"type": "anonymous"}
    if options.get("profile"):
        files = {name: _aws_file(*place) for name, place in _AWS_FILES.items()}
        return {"type": "profile", "profile": options["profile"], **files}
    # The default chain would find these first, but complains on stderr about every file it does not find.
    in_environment = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
    return {"type": "environment" if in_environment else "default"}


def _aws_file(variable: str, default: str) -> str:
    """Where one of the files of AWS lies; tensorstore does not find them by itself for a named profile."""
    return os.environ.get(variable) or os.path.expanduser(default)


def _gs(_scheme: str, bucket: str, options: Mapping[str, Any]) -> dict[str, Any]:
    spec = {"driver": "gcs", "bucket": bucket, "gcs_request_retries": _retries(options)}
    project = options.get("user_project")
    return {**spec, "gcs_user_project": {"project_id": project}} if project else spec


def _http(scheme: str, host: str, options: Mapping[str, Any]) -> dict[str, Any]:
    headers = [f"{name}: {value}" for name, value in options.get("headers", {}).items()]
    spec = {"driver": "http", "base_url": f"{scheme}://{host}", "http_request_retries": _retries(options)}
    return {**spec, "headers": headers} if headers else spec


def _retries(options: Mapping[str, Any], default: int | str = _ATTEMPTS) -> dict[str, Any]:
    attempts = str(options.get("max_attempts", default))
    if not attempts.isdigit() or int(attempts) < 1:
        raise ConfigurationError(
            message(
                "A store is asked at least once.",
                place="AWS_MAX_ATTEMPTS, or max_attempts in context",
                expected="a whole number >= 1",
                got=attempts,
            )
        )
    return {"max_retries": int(attempts), **_DELAYS}


_SPECS: Mapping[str, Callable[[str, str, Mapping[str, Any]], dict[str, Any]]] = {
    "s3": _s3,
    "gs": _gs,
    "http": _http,
    "https": _http,
}
