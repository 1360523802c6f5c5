"""A module that is a plugin; its functions are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmap_data.hookspecs import hookimpl


@hookimpl
def post_batch(batch: Mapping[str, Any]) -> None: ...


@hookimpl
def pre_epoch(loader: Any, epoch: str) -> None: ...
