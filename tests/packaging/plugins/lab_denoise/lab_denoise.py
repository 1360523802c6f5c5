"""Pulls noise towards the median."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from cellmap_data.hookspecs import hookimpl


class Median:
    """Halves what stands out from the median of a sample."""

    @hookimpl
    def post_sample(self, sample: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Move the raw array half-way to its median."""
        sample["raw"] = (sample["raw"] + sample["raw"].median()) / 2
        return sample
